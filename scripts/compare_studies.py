"""Trains studies with several seeds and puts what they reach into one table.

  python -m scripts.compare_studies --out=runs/flows --seeds=3 \
    --study=configs/studies/realnvp/digits.gin --study=configs/studies/glow/digits.gin

Every run lies in a folder of its own under --out and can be used by the other programs. A command
that was stopped goes on where it was; runs that are finished are not trained again. Prints a table
and writes comparison.json and a PNG of samples of the first seed of each study.
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
    [1],
    "K of an importance-weighted bound, for flows of pixels. Repeatable; 1 is the ELBO.",
    lower_bound=1,
)
GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A single binding for all runs, which overrides their files. Repeatable."
)
NUM = common.define_positive("num", 100, "Samples in a picture, and to take the time of.")
SPLIT = common.define_split()
MIN_SIDE = common.define_positive(
    "min_side", 28, "Enlarge images of the PNG until each side has so many pixels."
)
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()


def main():
    """Flags in; runs, a table, a JSON file and pictures out."""
    from glf.core import files
    from glf.evaluation.comparison import study_name, table_of_studies

    out = pathlib.Path(OUT.value)
    studies = {study_name(study): study for study in STUDY.value}
    if len(studies) < len(STUDY.value):
        names = ", ".join(map(study_name, STUDY.value))
        raise ValueError(f"Two studies have the same name: {names}.")
    results = {}
    for name, study in studies.items():
        runs = []
        for seed in range(SEEDS.value):
            workdir = out / name / f"seed{seed}"
            train(study, seed, workdir)
            runs.append(result_of(workdir, picture=out / f"{name}.png" if seed == 0 else None))
        results[name] = {"study": study, "runs": runs}
        files.write_json(out / "comparison.json", results)
    print(table_of_studies(results))
    logging.info("Written to %s.", out)


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
    if DATA_DIR.value:
        command.append(f"--data_dir={DATA_DIR.value}")
    if DATA_PATH.value:
        command.append(f"--data_path={DATA_PATH.value}")
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


def result_of(workdir, picture):
    """What one run reached: {"metrics", "parameters", "seconds", ...}; kept in its folder."""
    kept = workdir / "compared.json"
    asked = {"split": SPLIT.value, "importance_samples": IMPORTANCE_SAMPLES.value, "num": NUM.value}
    asked["step"] = read(workdir / "status.json")["step"]
    result = read(kept)
    if result.get("asked") == asked and (picture is None or picture.exists()):
        return result
    import keras

    from glf import configurables
    from glf.core import files
    from glf.evaluation import model_pictures, pictures
    from glf.evaluation.comparison import measured

    keras.backend.clear_session()
    model, dataset, step, _ = configurables.load_run(
        workdir, DATA_DIR.value, data_path=DATA_PATH.value
    )
    result = {
        "asked": asked,
        "step": step,
        "seconds": read(workdir / "training.json")["seconds"],
        **measured(model, dataset, SPLIT.value, NUM.value, IMPORTANCE_SAMPLES.value),
    }
    if picture is not None:
        pixels = model_pictures.samples(model, dataset, NUM.value, 0, MIN_SIDE.value)
        pictures.write_png(picture, pixels)
    files.write_json(kept, result)
    return result


if __name__ == "__main__":
    common.run(main)
