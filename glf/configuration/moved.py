"""Studies of earlier versions, and what on top of which other study says the same today."""

import pathlib

from absl import logging

_FRAGMENTS = {
    "fashion": "data/fashion_mnist.gin",
    "mnist": "data/mnist.gin",
    "labels": "models/pixel_flows/labels.gin",
    "noise": "models/pixel_flows/autoregressive_noise.gin",
    "finer": "models/pixel_flows/super_resolution.gin",
}
# {study: another one, fragments, bindings}, studies without their ".gin".
_SIZE, _FACTOR = "LabelEmbedding.size = 8", "ResidualDense.factor = 4"
STUDIES = {
    "conditional_flow/fashion_mnist_labels": ("glow/mnist", "fashion", "labels"),
    "conditional_flow/fashion_mnist_super_resolution": ("glow/mnist", "fashion", "finer", _FACTOR),
    "conditional_flow/mnist_labels": ("glow/mnist", "labels"),
    "conditional_flow/mnist_small_labels": ("glow/mnist_small", "labels", _SIZE),
    "conditional_flow/mnist_super_resolution": ("glow/mnist", "finer", _FACTOR),
    "dequantization/fashion_mnist_ard": ("glow/mnist", "fashion", "noise"),
    "dequantization/mnist_ard": ("glow/mnist", "noise"),
    "emerging/fashion_mnist": ("emerging/mnist", "fashion"),
    "flow_pp/fashion_mnist": ("flow_pp/cifar10", "fashion", "train.num_steps = 200000"),
    "flow_pp/mnist": ("flow_pp/cifar10", "mnist", "train.num_steps = 200000"),
    "glow/fashion_mnist": ("glow/mnist", "fashion"),
    "mar_scf/fashion_mnist": ("mar_scf/mnist", "fashion"),
    "nice/fashion_mnist": ("nice/mnist", "fashion"),
    "pixel_cnn/mnist_binary_fixed": ("pixel_cnn/mnist_binary", 'make_dataset.binarize = "fixed"'),
    "predictive_sampling/fashion_mnist_small": ("predictive_sampling/mnist_5bit_small", "fashion"),
    "realnvp/fashion_mnist": ("realnvp/mnist", "fashion"),
} | {
    f"glf/ablations/mnist_regularized_beta_{beta}": (
        *("glf/ablations/mnist_regularized", f"GLF.beta = {beta}.0"),
    )
    for beta in (1, 10, 100, 1000)
}


def text_of(path):
    """What stands for the study at `path` today, as gin has it, with a warning; None for others."""
    name = pathlib.PurePath(path).with_suffix("").as_posix().rpartition("studies/")[2]
    if name not in STUDIES:
        return None
    study, *rest = STUDIES[name]
    files = [f"studies/{study}.gin", *(_FRAGMENTS[part] for part in rest if part in _FRAGMENTS)]
    bindings = [part for part in rest if part not in _FRAGMENTS]
    flags = [f"--gin_file=configs/{file}" for file in files]
    flags += [f"--gin_param='{binding}'" for binding in bindings]
    logging.warning("%s of an earlier version is now %s", path, " ".join(flags))
    return "\n".join([*(f'include "configs/{file}"' for file in files), *bindings])
