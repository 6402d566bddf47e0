"""Flags, errors and exit codes: the part that all command-line programs share."""

import contextlib
import gc
import logging as py_logging
import math
import os
import pathlib
import re
import signal
import sys
import tempfile

# Before TensorFlow is imported: its notes are no use to a user of these programs, and what it calls
# errors are none: each time that a compiled program is loaded it wonders at the machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app, flags, logging

# Flags that are defined by the functions here belong to the program that calls them: its --help
# shows them.
flags.disclaim_key_flags()

_HELP = ("?", "help", "helpshort", "helpfull", "helpxml")
WORKDIR_HELP = "The run's folder, as given to scripts.train."
_OUTPUTS = []  # (flag, what it may name)


class _Path(flags.ArgumentParser):
    """The name of a file or folder; a leading ~ is expanded, which shells do not do in a flag."""

    syntactic_help = "a path"

    def parse(self, argument):
        """The path as a string."""
        from glf.core import files

        return str(files.expanded(argument))

    def flag_type(self):
        """What --help calls it."""
        return "path"


def define_path(name, default, help_text, required=False):
    """A flag that names a file or folder."""
    parser, serializer = _Path(), flags.ArgumentSerializer()
    return flags.DEFINE(parser, name, default, help_text, serializer=serializer, required=required)


def define_output(name, kinds, help_text, required=True):
    """A flag that names what is written, of the kinds of `glf.core.outputs`; checked at once."""
    flag = define_path(name, None, help_text, required)
    _OUTPUTS.append((flag, kinds))
    return flag


def define_paths(name, help_text):
    """A repeatable flag of names of files."""
    return flags.DEFINE_multi(_Path(), flags.ArgumentSerializer(), name, [], help_text)


def define_workdir(help_text=WORKDIR_HELP):
    """--workdir, required."""
    return define_path("workdir", None, help_text, required=True)


def define_data_dir(default="where the run found them, else $TFDS_DATA_DIR"):
    """--data_dir, optional."""
    return define_path(
        "data_dir",
        None,
        "The folder with prepared tensorflow-datasets. "
        f"Default: {default}, else ~/tensorflow_datasets.",
    )


def define_data_path(default="where the run found them"):
    """--data_path, optional."""
    return define_path(
        "data_path",
        None,
        "Where the data of a folder:, array:, pairs: or wav: source are now, if they were moved. "
        f"Default: {default}.",
    )


def define_checkpoint():
    """--checkpoint: latest, best or a step."""
    flag = flags.DEFINE_string(
        "checkpoint",
        "latest",
        "Which checkpoint to use: latest, best (lowest validation metric) or a step.",
    )
    flags.register_validator(
        flag.name,
        lambda value: value in ("latest", "best") or value.isdigit(),
        "must be latest, best, or the number of a step",
    )
    return flag


def define_positive(name, default, help_text):
    """An integer flag of at least 1."""
    return flags.DEFINE_integer(name, default, help_text, lower_bound=1)


def define_only(more=""):
    """--only, names of evaluators."""
    about = "Measure only what this evaluator does: a name of glf.evaluation.registry. Repeatable."
    return flags.DEFINE_multi_string(
        "only", [], " ".join([about, *[more] * bool(more), "Default: all."])
    )


def define_option(option):
    """A flag for a `glf.evaluation.options.Option`: numbers or words, as its default is."""
    if isinstance(option.default, float):
        return _define_scale(option.name, option.default, option.about)
    if isinstance(option.default, tuple) and option.default:
        return flags.DEFINE_multi_string(option.name, list(option.default), option.about)
    if isinstance(option.default, str):
        return flags.DEFINE_string(option.name, option.default, option.about)
    if isinstance(option.default, tuple):
        make, default, lowest = flags.DEFINE_multi_integer, list(option.default), 1
    else:
        make, default, lowest = flags.DEFINE_integer, option.default, int(option.default != 0)
    return make(option.name, default, option.about, lower_bound=lowest)


def define_temperature(help_text, repeatable=False):
    """--temperature, 1 unless told: a finite number of at least 0, or a list of such."""
    return _define_scale("temperature", [1.0] if repeatable else 1.0, help_text)


def _define_scale(name, default, help_text):
    """A finite number of at least 0 or, where the default is a list, a list of such."""
    repeatable = isinstance(default, list)
    define = flags.DEFINE_multi_float if repeatable else flags.DEFINE_float
    flag = define(name, default, help_text, 0.0)
    flags.register_validator(
        flag.name,
        lambda value: all(map(math.isfinite, value if repeatable else [value])),
        "must be a finite number of at least 0",
    )
    return flag


# The names of glf.samplers.SAMPLERS, known before TensorFlow is imported.
SAMPLERS = (
    "ancestral",
    "cached_ancestral",
    "fixed_point",
    "windowed",
    "forecasting",
    "forecasting_windowed",
    "zeros",
    "repeat_last",
    "pixel_above",
    "fresh_noise",
)


# The names of glf.solvers.SOLVERS, likewise.
SOLVERS = (
    "sequential",
    "cached_sequential",
    "fixed_point",
    "drafted",
    "tolerance",
    "drafted_tolerance",
    "blocks",
)


def define_keep_compiled():
    """--keep_compiled."""
    return flags.DEFINE_bool(
        "keep_compiled",
        True,
        "Keep what XLA compiles for this machine in $GLF_CACHE, else ~/.cache/glf: the next start "
        "of the same does not compile again.",
    )


def of_run(program, workdir, keep):
    """What `program` keeps compiled programs of a run for: its experiment, wherever it lies.

    None where `keep` says that it does not, or where there is no run.
    """
    config = pathlib.Path(workdir).expanduser() / "config.gin"
    return [program, config.read_text(encoding="utf-8")] if keep and config.is_file() else None


def define_split(default="test"):
    """--split."""
    return flags.DEFINE_enum("split", default, ["train", "validation", "test"], "Which examples.")


def no_arguments(argv):
    """Refuses words on the command line that belong to no flag."""
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {' '.join(argv[1:])}. All options are flags.")


@contextlib.contextmanager
def _quiet_stderr():
    """Keeps what C++ code writes to the error stream out of sight, unless the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            hidden.seek(0)
            os.write(2, hidden.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def _nothing_is_garbage():
    """A block of imports: what they make stays, and Python need not look whether it is in use.

    It would do so again and again, a fifth of the time that TensorFlow takes to load, and a sixth
    of that of tracing, which makes millions of objects: later it looks seldom, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 100)
        gc.enable()


@contextlib.contextmanager
def _without(*names):
    """A block in which these packages cannot be imported: they are loaded later, where needed.

    Keras looks for them, for functions that nothing here uses, and does without where they are not
    installed. Loading them takes a third of the time of loading TensorFlow.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _is_for_the_user(record):
    """Whether a log record is worth showing: not what TensorFlow says of its own workings."""
    return record.levelno >= py_logging.ERROR or "/tensorflow/" not in record.pathname


def _check_outputs():
    """Refuses what could not be written in the end."""
    from glf.core import outputs

    for flag, kinds in _OUTPUTS:
        if flag.value is not None:
            outputs.require_output(flag.value, kinds, f"--{flag.name}")


def run(
    main,
    one_operation_at_a_time=lambda: False,
    check=lambda: None,
    take=None,
    devices=lambda: True,
    tensorflow=lambda: True,
    purpose=lambda: None,
):
    """Runs `main()`; a user's error becomes one clear message and exit code 1.

    `one_operation_at_a_time` is asked once the flags are known: TensorFlow's graphs then run their
    operations one by one (each on all cores), in an order that is the same in every run. `check`
    refuses what can be refused without TensorFlow, which takes seconds to load. `take` gets the
    words on the command line that belong to no flag; without it there may be none. `devices` and
    `tensorflow` are asked once the flags are known, too: where they say so no device is set up, for
    the processes that the program starts to find them free, or for several workers to be connected
    first, and TensorFlow is not loaded at all. So is `purpose`: what it says, None for nothing, is
    what compiled programs are kept for, see `glf.core.compiled`.
    """

    def guarded(argv):
        from glf.core import compiled
        from glf.training.interrupts import Interrupted

        take(argv[1:]) if take else no_arguments(argv)
        try:
            _check_outputs()
            check()
            if tensorflow():
                now = devices()
                with _compiled_for(purpose() if now else None):
                    _load_tensorflow(one_operation_at_a_time(), now)
            try:
                main()
            finally:
                compiled.keep(last=True)
        except Interrupted as stopped:
            logging.info("%s", _message(stopped))
            logging.flush()
            sys.exit(128 + stopped.signum)
        except (ValueError, OSError, ArithmeticError) as error:
            if logging.level_debug():
                raise
            sys.stderr.write(f"\nError: {_message(error)}\n")
            sys.exit(1)

    program = sys.modules["__main__"]
    program.__doc__ = as_called(program.__doc__)
    logging.set_verbosity(logging.INFO)
    handler = logging.get_absl_handler()
    handler.setFormatter(None)
    handler.addFilter(_is_for_the_user)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    app.run(guarded, flags_parser=_parse_flags)


def _compiled_for(purpose):
    from glf.core import compiled

    return contextlib.nullcontext() if purpose is None else compiled.offered(*purpose)


def _load_tensorflow(one_operation_at_a_time, devices):
    """Imports TensorFlow and sets it up, without its notes on the machine."""
    logging.info("Loading TensorFlow.")
    with _quiet_stderr():
        with _nothing_is_garbage(), _without("matplotlib", "sklearn"):
            import tensorflow as tf

        if one_operation_at_a_time:
            tf.config.threading.set_inter_op_parallelism_threads(1)
        from glf.core import device

        device.prepare()
        if devices:
            tf.config.list_logical_devices()  # the GPU library's notes come here
    from glf.core import host

    host.keep_freed_memory()


def _message(error):
    """What an exception says, without gin's list of the configurables that were being called."""
    return as_called(str(error).split("\n  In call to configurable")[0])


def _flagfile(match):
    from glf.core.places import configs_home

    flag, path = match.groups()
    elsewhere = configs_home() / path
    return f"{flag}{elsewhere}" if not os.path.exists(path) and elsewhere.is_file() else match[0]


def program():
    """The name of the program that runs: "sample", for example."""
    return pathlib.Path(sys.argv[0]).stem


def as_called(text):
    """A text with its commands as they are here: `glf train` where the package is installed."""
    return text if __package__ == "scripts" else text.replace("python -m scripts.", "glf ")


def _parse_flags(args):
    """absl's own parsing, but asking for help is no error: exit code 0 instead of 1.

    A --flagfile is looked for as configurations are: here, then where `configs/...` lies.
    """
    args = [re.sub(r"^(--?flagfile=)(.+)$", _flagfile, arg) for arg in args]
    try:
        return app.parse_flags_with_usage(args)
    except SystemExit:
        if any(arg.lstrip("-") in _HELP and arg.startswith("-") for arg in args[1:]):
            sys.exit(0)
        raise
