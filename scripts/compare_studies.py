"""Trains studies with several seeds and compares them: a short way to scripts.sweep.

  python -m scripts.compare_studies --out=runs/flows --seeds=3 \
    --study=configs/studies/realnvp/digits.gin --study=configs/studies/glow/digits.gin

is python -m scripts.sweep --workdir=runs/flows --sweep="train.seed=[0, 1, 2]" with a --method for
each study, and starts that. The runs of a folder that an earlier version of this program made are
compared by python -m scripts.compare FOLDER --out=FOLDER/report.
"""

import os
import sys

from absl import flags

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compare_studies")

from . import common

STUDY = flags.DEFINE_multi_string(
    "study",
    None,
    "A gin file. Repeatable. Further bindings may follow it behind semicolons: "
    "'a.gin;PixelFlow.make_bound = @ELBO'.",
    required=True,
)
OUT = common.define_output("out", ("folder",), "The folder of the runs and of the results.")
SEEDS = common.define_positive("seeds", 3, "How many seeds: 0, 1, 2, ...")
IMPORTANCE_SAMPLES = flags.DEFINE_multi_integer(
    "importance_samples",
    [],
    "K of an importance-weighted bound, for flows of pixels. Repeatable; 1 is the ELBO.",
    lower_bound=1,
)
GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A single binding for all runs, which overrides their files. Repeatable."
)
NUM = common.define_positive("num", 100, "Samples to take the time of.")
SPLIT = common.define_split()
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()


def command():
    """The words of the sweep."""
    words = [sys.executable, "-m", f"{__package__}.sweep", f"--workdir={OUT.value}"]
    words += [f"--method={study}" for study in STUDY.value]
    words += [f"--sweep=train.seed={list(range(SEEDS.value))}"]
    words += [f"--gin_param={binding}" for binding in GIN_PARAM.value]
    words += [f"--importance_samples={number}" for number in IMPORTANCE_SAMPLES.value]
    words += [f"--split={SPLIT.value}", f"--timed_samples={NUM.value}"]
    places = {"data_dir": DATA_DIR.value, "data_path": DATA_PATH.value}
    return words + [f"--{name}={place}" for name, place in places.items() if place]


def main():
    """Becomes the sweep, before anything else is loaded."""
    words = command()
    os.execv(words[0], words)


if __name__ == "__main__":
    common.run(lambda: None, check=main)
