"""Studies of earlier versions, and what on top of which other study says the same today."""

import pathlib

from absl import logging

_FASHION = "data/fashion_mnist.gin"
_LABELS = "models/pixel_flows/labels.gin"
_NOISE = "models/pixel_flows/autoregressive_noise.gin"
_FINER = "models/pixel_flows/super_resolution.gin"

# {study below configs/studies: files below configs, and bindings}.
STUDIES = {
    "conditional_flow/fashion_mnist_labels.gin": ("studies/glow/mnist.gin", _FASHION, _LABELS),
    "conditional_flow/fashion_mnist_super_resolution.gin": (
        "studies/glow/mnist.gin",
        _FASHION,
        _FINER,
        "ResidualDense.factor = 4",
    ),
    "conditional_flow/mnist_labels.gin": ("studies/glow/mnist.gin", _LABELS),
    "conditional_flow/mnist_small_labels.gin": (
        "studies/glow/mnist_small.gin",
        _LABELS,
        "LabelEmbedding.size = 8",
    ),
    "conditional_flow/mnist_super_resolution.gin": (
        "studies/glow/mnist.gin",
        _FINER,
        "ResidualDense.factor = 4",
    ),
    "dequantization/fashion_mnist_ard.gin": ("studies/glow/mnist.gin", _FASHION, _NOISE),
    "dequantization/mnist_ard.gin": ("studies/glow/mnist.gin", _NOISE),
    "emerging/fashion_mnist.gin": ("studies/emerging/mnist.gin", _FASHION),
    "flow_pp/fashion_mnist.gin": (
        "studies/flow_pp/cifar10.gin",
        _FASHION,
        "train.num_steps = 200000",
    ),
    "flow_pp/mnist.gin": (
        "studies/flow_pp/cifar10.gin",
        "data/mnist.gin",
        "train.num_steps = 200000",
    ),
    "glf/ablations/mnist_regularized_beta_1.gin": (
        "studies/glf/ablations/mnist_regularized.gin",
        "GLF.beta = 1.0",
    ),
    "glf/ablations/mnist_regularized_beta_10.gin": (
        "studies/glf/ablations/mnist_regularized.gin",
        "GLF.beta = 10.0",
    ),
    "glf/ablations/mnist_regularized_beta_100.gin": (
        "studies/glf/ablations/mnist_regularized.gin",
        "GLF.beta = 100.0",
    ),
    "glf/ablations/mnist_regularized_beta_1000.gin": (
        "studies/glf/ablations/mnist_regularized.gin",
        "GLF.beta = 1000.0",
    ),
    "glow/fashion_mnist.gin": ("studies/glow/mnist.gin", _FASHION),
    "mar_scf/fashion_mnist.gin": ("studies/mar_scf/mnist.gin", _FASHION),
    "nice/fashion_mnist.gin": ("studies/nice/mnist.gin", _FASHION),
    "pixel_cnn/mnist_binary_fixed.gin": (
        "studies/pixel_cnn/mnist_binary.gin",
        'make_dataset.binarize = "fixed"',
    ),
    "predictive_sampling/fashion_mnist_small.gin": (
        "studies/predictive_sampling/mnist_5bit_small.gin",
        _FASHION,
    ),
    "realnvp/fashion_mnist.gin": ("studies/realnvp/mnist.gin", _FASHION),
}


def text_of(path):
    """What stands for the study at `path` today, as gin has it, with a warning; None for others."""
    name = pathlib.PurePath(path).as_posix().rpartition("studies/")[2]
    if name not in STUDIES:
        return None
    parts = [p if " = " in p else f"configs/{p}" for p in STUDIES[name]]
    flags = [f"--gin_param='{p}'" if " = " in p else f"--gin_file={p}" for p in parts]
    logging.warning("%s of an earlier version is now %s", path, " ".join(flags))
    return "\n".join(p if " = " in p else f'include "{p}"' for p in parts)
