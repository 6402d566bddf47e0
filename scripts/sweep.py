"""Trains every combination of methods, datasets and bindings, evaluates and compares them.

  python -m scripts.sweep --workdir=runs/beta --gin_file=configs/studies/glf/digits.gin \
    --sweep="GLF.stop_gradient=[False]" --sweep="GLF.beta=[1, 10, 100]" --sweep="train.seed=[0, 1]"

Each run lies in a folder of its own under --workdir and can be used by the other programs;
sweep.json says which there are, logs/ has all that their processes said, report/ the comparison.
Starting the same command again passes over what is finished, goes on with what was stopped, and
tries again what failed. More values of an axis, or a further one, add runs to a sweep's folder.
All configurations are checked before anything is started.

Files and bindings that go together are an axis as well, by methods and by datasets:

  python -m scripts.sweep --workdir=runs/methods --sweep="train.seed=[0, 1, 2]" \
    --method="glf=configs/studies/glf/mnist.gin" \
    --method="strong=configs/studies/glf/mnist_strong_flow.gin;train.num_steps = 1172" \
    --dataset="mnist=configs/data/mnist.gin" --dataset="fashion=configs/data/fashion_mnist.gin"

With --strategy=multi_worker several processes, also on several machines, take runs in turn.

Sweeps that are kept as files of flags lie in configs/sweeps: --flagfile=configs/sweeps/beta.flags.
"""

import sys

from absl import flags

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.sweep")

from glf.evaluation.options import options
from glf.sweeps.record import SweepFolder

from . import common, early, jit
from .workers import Workers

WORKDIR = common.define_workdir("The sweep's folder: a new one, or an earlier sweep's.")
GIN_FILE = common.define_paths(
    "gin_file",
    "A configuration file of all runs. May be repeated; later ones override earlier ones, and "
    "those of methods and datasets.",
)
METHOD = flags.DEFINE_multi_string(
    "method",
    [],
    "A method: [NAME=]FILE[,FILE...][;BINDING...], its files and single bindings. Repeatable: one "
    "run for each. Without a name it is called as its file and bindings are.",
)
DATASET = flags.DEFINE_multi_string(
    "dataset", [], "Likewise a dataset, whose files and bindings override a method's. Repeatable."
)
SWEEP = flags.DEFINE_multi_string(
    "sweep",
    [],
    "A parameter and its values as in a gin file: 'GLF.beta=[1, 10, 100]'. Repeatable: all "
    "combinations are trained. Overrides everything else.",
)
GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A single binding of all runs, which overrides files and methods. Repeatable."
)
JOBS = common.define_positive("jobs", 1, "How many runs at a time, each in its process.")
DATA_DIR = common.define_data_dir("$TFDS_DATA_DIR")
DATA_PATH = common.define_data_path("as make_dataset.source says")
PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "As of scripts.train.",
)
JIT = jit.define_jit("As of scripts.train.")
COMPARE = flags.DEFINE_bool(
    "compare",
    True,
    "Measure each run that is finished, as scripts.evaluate does, and compare them in the end, as "
    "scripts.compare does.",
)
SPLIT = common.define_split()
BATCH_SIZE = common.define_positive(
    "batch_size", None, "Examples at a time when measuring. Default: as of scripts.evaluate."
)
SEED = flags.DEFINE_integer("seed", 0, "Of the noise of losses and samples when measuring.")
CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "latest", ["latest", "best"], "Which checkpoint of each run to measure."
)
ONLY = common.define_only()
WORKERS = Workers("takes runs that no other has, and the chief compares them", None)
# What evaluators take; a run of a model that cannot take one passes over it.
OPTIONS = {option: common.define_option(option) for option in options()}


def planned():
    """The runs that the flags ask for."""
    from glf.sweeps import grid

    methods = [grid.group_of(text, "--method") for text in METHOD.value]
    datasets = [grid.group_of(text, "--dataset") for text in DATASET.value]
    axes = [grid.axis_of(text) for text in SWEEP.value]
    return grid.combinations(methods, datasets, axes, GIN_FILE.value, GIN_PARAM.value)


def check():
    """Refuses what cannot be a sweep, and a folder that cannot be one's."""
    from glf.core import outputs

    WORKERS.check()
    planned()
    SweepFolder(WORKDIR.value)
    outputs.require_output(WORKDIR.value, (outputs.FOLDER,), "--workdir")


def command(run, stage):
    """The command of a run's stage, "train" or "evaluate"."""
    words = [sys.executable, "-m", f"{__package__}.{stage}", f"--workdir={run.folder.path}"]
    words += given(DATA_DIR, DATA_PATH)
    if stage == "evaluate":
        return [*words, "--skip_unfit", *given(*_measured())]
    words += [f"--gin_file={path}" for path in run.planned.files]
    words += [f"--gin_param={binding}" for binding in run.planned.bindings]
    return [*words, *given(PRECISION, JIT)]


def given(*holders):
    """Flags as they were given, as words of a command."""
    present = [flags.FLAGS[holder.name] for holder in holders if holder.present]
    return [word for flag in present for word in flag.serialize().split("\n") if word]


def _measured():
    return [SPLIT, CHECKPOINT, SEED, BATCH_SIZE, ONLY, *OPTIONS.values()]


def evaluation():
    """What is measured of each run, None for nothing."""
    from glf.sweeps.sweep import Evaluation

    if not COMPARE.value:
        return None
    options = {flag.name: flag.value for flag in OPTIONS.values() if flag.present}
    return Evaluation(
        *(SPLIT.value, CHECKPOINT.value, SEED.value, BATCH_SIZE.value, options),
        only=tuple(ONLY.value),
    )


def check_options(runs):
    """Refuses options of evaluators that none of the runs' models can take."""
    from glf.training.run_folder import model_of

    models = sorted({model_of(run.config) for run in runs})
    for option, flag in OPTIONS.items():
        unfit = all(early.lacks(model, option.needs) for model in models)
        if flag.present and flag.value and unfit:
            raise ValueError(
                f"Nothing was started. --{option.name} is for {option.of}; here are only: "
                f"{', '.join(models)}."
            )


def main():
    """Flags in; runs, what they reach, and their comparison out."""
    from glf.sweeps.sweep import checked, compare, failures, run_sweep

    place = WORKERS.place()
    runs = checked(planned(), WORKDIR.value, PRECISION.value, evaluation(), command)
    check_options(runs)
    outcome = run_sweep(runs, WORKDIR.value, JOBS.value, place=place)
    if COMPARE.value and outcome.done and not place[0]:
        done = [run for run in runs if run.name in outcome.done]
        print(compare(done, WORKDIR.value, DATA_DIR.value, DATA_PATH.value), flush=True)
    if outcome.failed:
        raise ValueError(failures(outcome, WORKDIR.value))


if __name__ == "__main__":
    common.run(main, check=check, devices=lambda: False)
