"""What configurations can name, and how they are read: the only file that knows gin.

Every part is registered, not decorated: calling `GLF(...)` in a notebook is plain Python, and only
`@GLF` in a configuration gets its bindings.
"""

import difflib
import inspect
import os
import pathlib
import re

import gin
import keras
from absl import logging

from glf import autoregressive, bijectors, dequantizers, priors, samplers
from glf.core import files
from glf.core.places import configs_home
from glf.data.make import make_dataset as make_dataset_from_source
from glf.models import glf, quantizers, reconstruction
from glf.models.autoregressive import Autoregressive
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.pixel_flow import PixelFlow
from glf.models.pixel_logistic import LogisticSegmenter
from glf.models.vector_flow import VectorFlow
from glf.networks import (
    conditioner,
    conditioning,
    conv_context,
    dense,
    dense_net,
    downsampled_context,
    features,
    gated_attention,
    gated_context,
    glow_conv,
    image_context,
    image_residual,
    infogan,
    made,
    masked_image,
    residual,
    residual_dense,
    spatial,
)
from glf.priors.flow import paper_bijector
from glf.training import optimizers
from glf.training import train as training
from glf.training.restore import restore_for_inference
from glf.training.run_folder import RunFolder

CONFIGURABLES = {}

# gin also looks for files inside Python packages, before it looks in the repository, and fails on
# folders that are no packages, such as configs/.
gin.config._FILE_READERS[:] = [(open, os.path.isfile)]


def _register(*targets, denylist=(), name=None):
    """Registers each target under its own name; parameters that code passes are not bindable."""
    for target in targets:
        known = name or target.__name__
        parameters = inspect.signature(target).parameters
        denied = [p for p in (*denylist, "name") if p in parameters]
        gin.register(known, module="glf", denylist=denied or None)(target)
        CONFIGURABLES[known] = target


def _concrete_classes(room):
    return [c for c in vars(room).values() if inspect.isclass(c) and not inspect.isabstract(c)]


_register(training.train, denylist=("workdir", "execution"))
_register(make_dataset_from_source, denylist=("data_dir", "data_path"))
_register(glf.GLF, Autoregressive, DiscreteAutoencoder, denylist=("spec",))
_register(PixelFlow, VectorFlow, LogisticSegmenter, denylist=("spec",))
_register(
    infogan.InfoGANEncoder,
    infogan.InfoGANDecoder,
    residual.ResidualEncoder,
    residual.ResidualDecoder,
    dense.DenseEncoder,
    dense.DenseDecoder,
    denylist=("image_shape", "latent_size"),
)
_register(
    spatial.SpatialEncoder,
    spatial.SpatialDecoder,
    denylist=("image_shape", "features", "dtype"),
)
_register(
    quantizers.ArgmaxStraightThrough,
    quantizers.GumbelSoftmax,
    quantizers.VectorQuantizer,
)
_register(
    conditioning.LabelEmbedding,
    conditioning.Downsampled,
    conditioning.Paired,
    residual_dense.ResidualDense,
    denylist=("spec", "dtype"),
)
_register(
    conditioner.DenseConditioner,
    conv_context.ConvContext,
    dense_net.DenseNetConditioner,
    gated_attention.GatedAttentionConditioner,
    gated_context.GatedContext,
    glow_conv.GlowConditioner,
    image_context.ImageContext,
    image_residual.ResidualConditioner,
    denylist=("units", "dtype"),
)
_register(downsampled_context.DownsampledContext, denylist=("dtype",))
_register(made.MADE, masked_image.MaskedImageNetwork, denylist=("parameters", "dtype"))
_register(features.VGG16Features, features.SqueezeNetFeatures)
_register(
    reconstruction.SquaredError,
    reconstruction.AbsoluteError,
    reconstruction.Bernoulli,
    reconstruction.Perceptual,
)
_register(
    *_concrete_classes(bijectors),
    *_concrete_classes(dequantizers),
    *_concrete_classes(priors),
    denylist=("dtype",),
)
_register(paper_bijector)
_register(
    *_concrete_classes(autoregressive),
    denylist=(
        *("image_shape", "channels", "levels", "num_classes", "groups", "dtype"),
        *("condition_shape", "condition_levels"),
        *("data_features", "model_features", "context_size", "parameter_size"),
    ),
)
_register(*(c for c in _concrete_classes(samplers) if issubclass(c, samplers.Sampler)))
_register(
    optimizers.adam,
    optimizers.adamax,
)
_register(
    optimizers.halve_every,
    optimizers.cosine,
    optimizers.warmup,
    optimizers.hold_then_decay,
    optimizers.until,
    optimizers.starting_at,
    denylist=("learning_rate",),
)


def parse(gin_files=(), gin_params=()):
    """Reads configurations, replacing whatever was configured before.

    Args:
      gin_files: paths of gin files; later ones override earlier ones. A relative path, and a
        relative `include` in a file, is looked for in the working directory, then in the
        repository or, where the package is installed, in the configurations that it brought.
      gin_params: single bindings as text, which override the files.

    Raises:
      ValueError: if a file is missing, a line is not gin, or a name is unknown; the nearest known
        name is suggested.
    """
    gin.clear_config()
    gin.add_config_file_search_path(str(configs_home()))
    paths = [_find(path) for path in gin_files]
    try:
        gin.parse_config_files_and_bindings(paths, list(gin_params), skip_unknown=False)
    except (ValueError, TypeError, SyntaxError, OSError, NameError) as error:
        where = ""
        if isinstance(error, SyntaxError) and gin_params:
            given = "; ".join(gin_params)
            where = f" If it is none of the files, it is one of the single bindings: {given}"
        raise ValueError(f"The configuration cannot be used: {_explain(error)}{where}") from error


def config_text():
    """The parsed configuration, in one normal form whatever files it came from."""
    return gin.config_str(max_line_length=100)


def operative_text():
    """Every parameter that was really used, bound or default."""
    return gin.operative_config_str(max_line_length=100)


def train(workdir, execution):
    """Runs `train` with its bindings.

    Raises:
      ValueError: if `train.make_model` is not bound, and whatever training raises.
    """
    _require_model()
    execution.config = config_text()
    execution.operative_config = operative_text
    return gin.get_configurable(training.train)(workdir, execution=execution)


def bound(name, default=None):
    """The value bound to a parameter of `train`, references resolved, or `default`."""
    return gin.get_bindings("train").get(name, default)


def make_dataset(data_dir=None, data_path=None):
    """The dataset that the configuration describes."""
    moved = {} if data_path is None else {"data_path": data_path}
    make = bound("make_dataset", gin.get_configurable("make_dataset"))
    return make(data_dir=data_dir, **moved)


def make_model(spec):
    """The model that the configuration describes, with fresh weights."""
    _require_model()
    keras.utils.set_random_seed(int(bound("seed", 0)) % 2**32)
    return bound("make_model")(spec)


def load_run(workdir, data_dir=None, checkpoint="latest", with_data=True, data_path=None):
    """Opens a run folder: (model with its trained weights, dataset, step, `RunFolder`).

    Args:
      workdir: the run's folder.
      data_dir: where prepared datasets lie; None: where the run found them.
      checkpoint: "latest", "best" or a step.
      with_data: whether to open the dataset, or a function of the model that says so; without,
        None stands in its place.
      data_path: where the data of a "folder:", "array:", "wav:" or "pairs:" source are now; None:
        where the run found them.

    Raises:
      ValueError: if the folder holds no run, or the run no such checkpoint.
    """
    folder = RunFolder(workdir)
    folder.require_run()
    about = folder.read_about()
    parse([str(folder.config.resolve())])
    keras.config.set_dtype_policy(about.get("precision", "float32"))
    dataset = None
    if with_data is True:
        dataset = make_dataset(**_place(folder, data_dir, data_path))
    model = make_model(folder.read_spec())
    if callable(with_data) and with_data(model):
        dataset = make_dataset(**_place(folder, data_dir, data_path))
    average = bound("moving_average")
    step = restore_for_inference(model, average, folder, checkpoint)
    return model, dataset, step, folder


def _place(folder, data_dir, data_path):
    """Where the data of a run are: as the caller says, else as the run recorded it.

    What was recorded and is gone counts as unknown where the configuration's own path, or the
    usual folder of prepared datasets, may still lead to the data.
    """
    recorded = folder.read_place()
    if data_dir is None:
        # Runs of earlier versions know of the flag only.
        data_dir = recorded.get("data_dir") or folder.read_about().get("flags", {}).get("data_dir")
        if data_dir is not None and not os.path.isdir(data_dir):
            logging.warning(
                "The run's prepared datasets were in %s, which is not there; looking in the usual "
                "folder. Give --data_dir (data_dir) for another.",
                data_dir,
            )
            data_dir = None
    if data_path is None and "data_path" in recorded:
        data_path = recorded["data_path"]
        if not os.path.exists(data_path):
            source = str(gin.get_bindings("make_dataset").get("source"))
            written = source.partition(":")[2]
            if not written or not files.expanded(written).exists():
                raise ValueError(
                    f"The data of the run in {folder.path} were in {data_path}, which is not there "
                    "any more. Say where they are now: --data_path (data_path)."
                )
            data_path = None
    return {"data_dir": data_dir, "data_path": data_path}


def _require_model():
    if bound("make_model") is None:
        raise ValueError(
            "The configuration binds no model (train.make_model). Give --gin_file with one of "
            "configs/studies/, for example configs/studies/glf/digits.gin."
        )


def _find(path):
    bases = dict.fromkeys((pathlib.Path().resolve(), configs_home()))
    for base in bases:
        if (base / files.expanded(path)).is_file():
            return str(base / files.expanded(path))
    raise ValueError(
        f"There is no configuration {path!r} in {' or '.join(map(str, bases))}. The "
        "configurations lie in configs/."
    )


def _explain(error):
    text = str(error).strip()
    names = re.findall(r"No configurable matching (?:reference )?'@?([^']+)'", text)
    known = [registered.rsplit(".", 1)[-1] for registered in CONFIGURABLES]
    parameter = re.search(r"Configurable '([^']+)' doesn't have a parameter named '([^']+)'", text)
    if names:
        name = re.split(r"[./]", names[0].removesuffix("()"))[-1]
        return f"{text}{_suggest(name, known)}"
    if parameter:
        owner, name = parameter.groups()
        target = CONFIGURABLES[owner.rsplit(".", 1)[-1]]
        return f"{text}{_suggest(name, list(inspect.signature(target).parameters))}"
    return text


def _suggest(name, known):
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f" Did you mean {' or '.join(close)}?"
    return f" Known: {', '.join(sorted(known))}."
