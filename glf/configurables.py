"""The names that configurations know, and what is made of them.

Every part is registered, not decorated: calling `GLF(...)` in a notebook is plain Python, and only
`@GLF` in a configuration gets its bindings, or a default of a part that a configuration names.
"""

import contextlib
import dataclasses
import functools
import inspect
import os
import pathlib

import gin
from absl import logging

from glf import (
    autoregressive,
    bijectors,
    data,
    dequantizers,
    families,
    integer_flows,
    models,
    networks,
    priors,
    samplers,
    solvers,
)
from glf.configuration import effect, reading, values
from glf.configuration.messages import explain
from glf.configuration.world import World, register
from glf.core import files
from glf.core.caller import undisturbed
from glf.core.places import configs_home
from glf.data.make import make_dataset as make_dataset_from_source
from glf.data.registry import with_path
from glf.training import optimizers
from glf.training.classification import Classification
from glf.training.classification import classify as run_classification
from glf.training.execution import Provenance
from glf.training.experiment import Experiment
from glf.training.restore import restore_for_inference
from glf.training.run_folder import RunFolder
from glf.training.train import run_experiment

CONFIGURABLES = {}


# Where parts are; what in them says which of its arguments code gives can be named.
ROOMS = (
    *(autoregressive, bijectors, data, dequantizers, families, integer_flows, models, networks),
    *(optimizers, priors, samplers, solvers),
)


def _register(target, name):
    """Registers a part; parameters that code passes are not bindable."""
    parameters = inspect.signature(target).parameters
    of_code = getattr(target, "given_by_code", ())
    register(target, name, [parameter for parameter in of_code if parameter in parameters])
    CONFIGURABLES[name] = target


_register(Experiment, "train")
_register(Classification, "classify")
for _room in ROOMS:
    for _part in vars(_room).values():
        if hasattr(_part, "given_by_code") and not inspect.isabstract(_part):
            _register(_part, _part.__name__)

_TRAIN, _CLASSIFY = "glf.train", "glf.classify"
_world = World()


def parse(gin_files=(), gin_params=()):
    """Reads configurations, replacing what was read before.

    What else a process configures with gin is neither used nor changed.

    Args:
      gin_files: paths of gin files; later ones override earlier ones. A relative path is looked
        for in the working directory, then in the repository or, where the package is installed, in
        the configurations that it brought; that of an `include` first beside the file that
        includes it.
      gin_params: single bindings as text, which override the files.

    Raises:
      ValueError: if a file is missing, a line is not gin, or a name is unknown; the nearest known
        name is suggested. If a binding has no effect, because nothing that is used refers to its
        part; files that say FOR_ANY_STUDY = True may bind such parts.
    """
    global _world
    world = World()
    with world.active():
        bases = (pathlib.Path().resolve(), configs_home())
        read = reading.Reading(bases, lambda: effect.reach(_root()))
        try:
            for path in gin_files:
                read.file(path)
            read.bindings(gin_params)
            read.end()
            reading.check()
            values.check()
            if _root() == _CLASSIFY or gin.get_bindings(Experiment).get("make_model") is not None:
                effect.check(read, _root())
                effect.bind_defaults(_root())
                effect.drop_unused(_root())
        except (ValueError, TypeError, SyntaxError, OSError, NameError, KeyError) as error:
            where = ""
            if isinstance(error, SyntaxError) and gin_params:
                texts = "; ".join(gin_params)
                where = f" If it is none of the files, it is one of the single bindings: {texts}"
            raise ValueError(
                f"The configuration cannot be used: {explain(error, CONFIGURABLES)}{where}"
            ) from error
    world.keep()
    _world = world


def _root():
    """What a configuration is of: an `Experiment`, unless it binds a network to classify by."""
    classified = gin.get_bindings(Classification).get("make_network") is not None
    return _CLASSIFY if classified else _TRAIN


def config_text():
    """The parsed configuration, in one normal form whatever files it came from.

    It says what a default of a signature stands for where that has bindings, and leaves out what
    has no effect.
    """
    with _world.active():
        return gin.config_str(max_line_length=100)


def described(gin_files=(), gin_params=()):
    """(`config_text`, `experiment`) of configurations, read as `parse` does.

    What is configured stays what it was.

    Raises:
      ValueError: as of `parse` and `experiment`.
    """
    global _world
    before = _world
    try:
        parse(gin_files, gin_params)
        return config_text(), experiment()
    finally:
        _world = before


def operative_text():
    """Every parameter that was really used, bound or default."""
    return _operative_text(_world)


def experiment():
    """The `Experiment` that the configuration describes.

    Raises:
      ValueError: if `train.make_model` is not bound, or a value is out of range.
    """
    with _world.active():
        bindings = gin.get_bindings(Experiment)
    if bindings.get("make_model") is None:
        raise ValueError(
            "The configuration binds no model (train.make_model). Give --gin_file with one of "
            "configs/studies/, for example configs/studies/glf/digits.gin."
        )
    return Experiment(**bindings)


def train(workdir, execution, about=None):
    """Trains the configured experiment; `about` are further facts for `run.json`.

    Raises:
      ValueError: as of `experiment`, and whatever training raises.
    """
    configured, world = experiment(), _world
    with world.active():
        used = {f.name: f.default for f in dataclasses.fields(Experiment)}
        used.update(gin.get_bindings(Experiment, resolve_references=False))
        world.operative["", _TRAIN] = used
    provenance = Provenance(config_text(), lambda: _operative_text(world), essence, about or {})
    return run_experiment(workdir, configured, execution, provenance)


def classify(workdir, data_dir=None, data_path=None):
    """Trains and measures the configured classifier, see `glf.training.classification.classify`.

    Raises:
      ValueError: if none is configured, and as of that function.
    """
    with _world.active():
        bindings = gin.get_bindings(Classification)
    if bindings.get("make_network") is None:
        raise ValueError(
            "The configuration binds no classifier (classify.make_network). Give --gin_file with "
            "one of configs/classification/."
        )
    return run_classification(
        workdir, Classification(**bindings), config_text(), data_dir, data_path
    )


def essence(text, with_paths=True):
    """The bindings of a configuration that say what the result of training is, as lines.

    Left out is what has no effect, what says how often something is written, shown or counted, and
    how far a run goes; of the data where they are kept, and unless `with_paths` the path itself,
    for runs that know their data by what they are.
    """
    return _lines(text, _NOT_THE_RESULT, with_paths)


def decisive(text, with_paths=True):
    """{parameter: value as text} of what `essence` gives, and of how far a run goes."""
    far = {_TRAIN: _NOT_THE_RESULT[_TRAIN] - {"num_steps"}}
    return dict(line.split(" = ", 1) for line in _lines(text, _NOT_THE_RESULT | far, with_paths))


def _lines(text, without, with_paths):
    world = World()
    with world.active():
        read = reading.Reading((), quiet=True)
        read.bindings([text])
        read.end()
        effect.drop_unused(_TRAIN, defaults=False)
        return effect.lines(without, functools.partial(_source, with_paths=with_paths))


# Which steps are validated, by what, and how patiently decide what is the best and when to stop.
_NOT_THE_RESULT = {
    _TRAIN: {
        *("num_steps", "log_every", "checkpoint_every", "keep_checkpoints"),
        *("pictures_every", "num_pictures", "max_steps_per_call"),
    },
    "glf.make_dataset": {"download", "memory_budget", "cache_dir"},
}


def _source(selector, parameter, value, with_paths):
    if (selector, parameter) != ("glf.make_dataset", "source") or not isinstance(value, str):
        return value
    kind, _, rest = value.partition(":")
    if kind not in with_path():
        return value
    return f"{kind}:{os.path.abspath(files.expanded(rest)) if with_paths else '...'}"


def make_dataset(data_dir=None, data_path=None):
    """The dataset that the configuration describes."""
    moved = {} if data_path is None else {"data_path": data_path}
    return experiment().make_dataset(data_dir=data_dir, **moved)


def make_model(spec):
    """The model that the configuration describes, with fresh weights."""
    configured = experiment()
    with undisturbed(seed=configured.seed):
        return configured.make_model(spec)


def load_run(workdir, data_dir=None, checkpoint="latest", with_data=True, data_path=None):
    """Opens a run folder: (model with its trained weights, dataset, step, `RunFolder`).

    Nothing outside changes: not what is configured, here or with gin, nor random states, nor the
    dtype policy. The model is for inference: what layers make of their weights has been made, and
    does not follow weights that change, see `glf.layers.kept_kernels`.

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
    with _as_of(folder):
        dataset = None
        if with_data is True:
            dataset = make_dataset(**_place(folder, data_dir, data_path))
        with undisturbed(policy=folder.read_about().get("precision", "float32")):
            model = make_model(folder.read_spec())
        if callable(with_data) and with_data(model):
            dataset = make_dataset(**_place(folder, data_dir, data_path))
        if dataset is not None:
            folder.check_data(dataset, training=False)
        step = restore_for_inference(model, experiment().moving_average, folder, checkpoint)
    return model, dataset, step, folder


@contextlib.contextmanager
def _as_of(folder):
    """The configuration of a run inside the block: exactly what it says."""
    global _world
    before, _world = _world, World()
    try:
        with _world.active():
            read = reading.Reading((folder.path.resolve(),))
            read.file(folder.config.name)
            read.end()
        _world.keep()
        yield
    finally:
        _world = before


def _operative_text(world):
    with world.active():
        return gin.operative_config_str(max_line_length=100)


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
            with _world.active():
                source = str(gin.get_bindings(make_dataset_from_source).get("source"))
            written = source.partition(":")[2]
            if not written or not files.expanded(written).exists():
                raise ValueError(
                    f"The data of the run in {folder.path} were in {data_path}, which is not there "
                    "any more. Say where they are now: --data_path (data_path)."
                )
            data_path = None
    return {"data_dir": data_dir, "data_path": data_path}
