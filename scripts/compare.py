"""Compares trained runs: a page with tables, samples, curves, and what differs beyond the seeds.

  python -m scripts.compare runs/a runs/b --out=report

Each word is the folder of a run, or a folder that stands for all runs below it, such as --out of
scripts.sweep or scripts.compare_studies. Runs that differ in train.seed alone are one method.
Prints the table, and writes index.html (one file, open it in any browser), its charts as SVG files,
comparison.md, comparison.csv and comparison.json into --out. Where runs differ in one number alone,
such as a swept parameter, charts show the metrics along it. What is not yet known of a run at its
present step is measured as scripts.evaluate does, with the same options, and kept in the run's
metrics.json, or below --out where the run is read-only. A command that was stopped goes on where it
was.
"""

import pathlib

from absl import app, flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compare")

from glf.evaluation.options import options

from . import common, early

OUT = common.define_output("out", ("folder",), "The folder of the report.")
SPLIT = common.define_split()
CHECKPOINT = common.define_checkpoint()
NUM = flags.DEFINE_integer("num", 64, "Samples in a picture; 0: no pictures.", lower_bound=0)
SEED = flags.DEFINE_integer("seed", 0, "Of the noise of losses and samples, the same for all.")
BATCH_SIZE = common.define_positive(
    "batch_size", None, "Examples at a time. Default: 256; 64 where each has several samples."
)
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
ONLY = common.define_only()
OPTIONS = {option: common.define_option(option) for option in options()}
flags.FLAGS.set_gnu_getopt(True)  # flags may follow the words
RUNS = []


def check():
    """Refuses folders without runs, and options that none of the runs can use."""
    from glf.training.find_runs import find_runs

    runs = [early.Run(folder) for folder in find_runs(RUNS)]
    for option, flag in OPTIONS.items():
        if flag.present and flag.value and all(run.lacks(option.needs) for run in runs):
            models = ", ".join(sorted({run.model for run in runs}))
            raise ValueError(f"--{option.name} is for {option.of}; here are only: {models}.")


def main():
    """Folders and flags in, a table and the files of a report out."""
    print(compare(RUNS, OUT.value, {o.name: f.value for o, f in OPTIONS.items() if f.present}))
    logging.info("Written to %s.", pathlib.Path(OUT.value) / "index.html")


def compare(paths, out, given):
    """The table of a comparison, whose files are written into the folder `out`."""
    import keras

    from glf import configurables
    from glf.training.compared_runs import Asked
    from glf.training.comparing import compare_runs

    def open_run(folder, checkpoint):
        keras.backend.clear_session()  # the model before can go
        return configurables.load_run(
            folder, DATA_DIR.value, checkpoint, data_path=DATA_PATH.value
        )[:3]

    asked = Asked(
        *(open_run, configurables.decisive, pathlib.Path(out)),
        *(SPLIT.value, CHECKPOINT.value, SEED.value, BATCH_SIZE.value, given, NUM.value),
        only=tuple(ONLY.value),
    )
    return compare_runs(paths, asked)


def take(words):
    """Takes the words of the command line."""
    if not words:
        raise app.UsageError("Which runs? Give their folders: runs/a runs/b --out=report.")
    RUNS[:] = words


if __name__ == "__main__":
    common.run(main, check=check, take=take)
