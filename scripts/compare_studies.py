"""Trains studies with several seeds and compares them: a short way to scripts.compare.

  python -m scripts.compare_studies --out=runs/flows --seeds=3 \
    --study=configs/studies/realnvp/digits.gin --study=configs/studies/glow/digits.gin

Every run lies in a folder of its own under --out and can be used by the other programs. A command
that was stopped goes on where it was; runs that are finished are not trained again. What follows
is `python -m scripts.compare OUT --out=OUT`, with the options given here.
"""

import json
import pathlib
import signal
import subprocess
import sys
import time

from absl import flags, logging

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
NUM = common.define_positive("num", 100, "Samples in a picture, and to take the time of.")
SPLIT = common.define_split()
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()


def main():
    """Flags in; runs, a table, a JSON file and pictures out."""
    out = pathlib.Path(OUT.value)
    studies = {study_name(study): study for study in STUDY.value}
    if len(studies) < len(STUDY.value):
        names = ", ".join(map(study_name, STUDY.value))
        raise ValueError(f"Two studies have the same name: {names}.")
    for name, study in studies.items():
        for seed in range(SEEDS.value):
            train(study, seed, out / name / f"seed{seed}")
    code = run(comparison(out))
    if code:
        raise ValueError(f"scripts.compare ended with exit code {code}, see above.")


def comparison(out):
    """The command that compares what is in a folder."""
    command = [sys.executable, "-m", f"{__package__}.compare", str(out), f"--out={out}"]
    command += [f"--split={SPLIT.value}", f"--num={NUM.value}", f"--timed_samples={NUM.value}"]
    command += [f"--importance_samples={number}" for number in IMPORTANCE_SAMPLES.value]
    return command + where()


def where():
    """The flags that say where data are, for another program."""
    places = {"data_dir": DATA_DIR.value, "data_path": DATA_PATH.value}
    return [f"--{name}={place}" for name, place in places.items() if place]


def train(study, seed, workdir):
    """Trains one run in a process of its own, and remembers how long that took in all."""
    from glf.core import files

    path, *bindings = [part.strip() for part in study.split(";")]
    path = str(files.expanded(path))
    asked = [path, *bindings, *GIN_PARAM.value, f"train.seed = {seed}"]
    before = read(workdir / "training.json")
    if read(workdir / "status.json").get("finished") and before.get("asked") == asked:
        return
    command = [sys.executable, "-m", f"{__package__}.train"]
    command += [f"--workdir={workdir}", f"--gin_file={path}"]
    command += [f"--gin_param={binding}" for binding in asked[1:]]
    command += where()
    logging.info("Training %s.", workdir)
    began = time.perf_counter()
    code = run(command)
    seconds = before.get("seconds", 0.0) + time.perf_counter() - began
    refused = code == 1  # and not stopped by a signal
    if not refused and workdir.exists():
        files.write_json(workdir / "training.json", {"asked": asked, "seconds": seconds})
    if code:
        raise ValueError(
            f"Training {workdir} ended with exit code {code}, see above; start this again to go on."
        )


def study_name(study):
    """A name for a gin file with bindings behind semicolons, fit for a folder.

    configs/studies/glow/digits.gin;X.y = 1 becomes glow_digits_X.y_1.
    """
    path, *bindings = [part.strip() for part in study.split(";")]
    path = pathlib.Path(path).with_suffix("")
    parts = [path.parent.name, path.name, *("".join(b.split()).replace("=", "_") for b in bindings)]
    return "_".join("".join(c for c in part if c.isalnum() or c in "._-") for part in parts)


def run(command):
    """Runs a command to its end, and passes on signals to stop: its exit code.

    Training writes a checkpoint when it is asked to stop, which takes its time.
    """
    process = subprocess.Popen(command)
    before = {
        signum: signal.signal(signum, lambda *_: process.terminate())
        for signum in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        return process.wait()
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def read(path):
    """The JSON object in a file; {} where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


if __name__ == "__main__":
    common.run(main)
