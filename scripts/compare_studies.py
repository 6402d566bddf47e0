"""Trains studies with several seeds and puts what they reach into one table.

  python -m scripts.compare_studies --out=runs/flows --seeds=3 \
    --study=configs/studies/realnvp/digits.gin --study=configs/studies/glow/digits.gin

Every run lies in a folder of its own under --out and can be used by the other programs. A command
that was stopped goes on where it was; runs that are finished are not trained again. Prints a table
and writes comparison.json and a PNG of samples of the first seed of each study.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

from absl import flags, logging

from scripts import common

STUDY = flags.DEFINE_multi_string(
    "study",
    None,
    "A gin file. Repeatable. Further bindings may follow it behind semicolons: "
    "'a.gin;PixelFlow.make_bound = @ELBO'.",
    required=True,
)
OUT = flags.DEFINE_string("out", None, "The folder of the runs and of the results.", required=True)
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


def main():
    """Flags in; runs, a table, a JSON file and pictures out."""
    from glf.core import files

    out = pathlib.Path(OUT.value)
    studies = {name_of(study): study for study in STUDY.value}
    if len(studies) < len(STUDY.value):
        raise ValueError(f"Two studies have the same name: {', '.join(map(name_of, STUDY.value))}.")
    results = {}
    for name, study in studies.items():
        runs = []
        for seed in range(SEEDS.value):
            workdir = out / name / f"seed{seed}"
            train(study, seed, workdir)
            runs.append(measured(workdir, picture=out / f"{name}.png" if seed == 0 else None))
        results[name] = {"study": study, "runs": runs}
        files.write_json(out / "comparison.json", results)
    print(table(results))
    logging.info("Written to %s.", out)


def name_of(study):
    """configs/studies/glow/digits.gin;X.y = 1 to glow_digits_X.y_1."""
    path, *bindings = [part.strip() for part in study.split(";")]
    path = pathlib.Path(path).with_suffix("")
    parts = [path.parent.name, path.name, *("".join(b.split()).replace("=", "_") for b in bindings)]
    return "_".join("".join(c for c in part if c.isalnum() or c in "._-") for part in parts)


def train(study, seed, workdir):
    """Trains one run in a process of its own, and remembers how long that took in all."""
    if (workdir / "status.json").exists():
        status = json.loads((workdir / "status.json").read_text(encoding="utf-8"))
        if status["finished"]:
            return
    path, *bindings = [part.strip() for part in study.split(";")]
    bindings = [*bindings, *GIN_PARAM.value, f"train.seed = {seed}"]
    command = [sys.executable, "-m", "scripts.train", f"--workdir={workdir}", f"--gin_file={path}"]
    command += [f"--gin_param={binding}" for binding in bindings]
    if DATA_DIR.value:
        command.append(f"--data_dir={DATA_DIR.value}")
    logging.info("Training %s.", workdir)
    began = time.perf_counter()
    code = subprocess.run(command, check=False).returncode
    if code:
        raise ValueError(
            f"Training {workdir} ended with exit code {code}, see above; start this again to go on."
        )
    seconds = seconds_of(workdir) + time.perf_counter() - began
    (workdir / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


def seconds_of(workdir):
    """What earlier commands took for this run."""
    path = workdir / "seconds.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else 0.0


def measured(workdir, picture):
    """What one run reached: {"bits_per_dim", "iw8", ..., "parameters", ...}; kept in its folder."""
    kept = workdir / "compared.json"
    asked = {"split": SPLIT.value, "importance_samples": IMPORTANCE_SAMPLES.value, "num": NUM.value}
    if kept.exists() and (picture is None or picture.exists()):
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["asked"] == asked:
            return found
    import keras

    from glf import configurables
    from glf.core import files
    from glf.evaluation import pictures
    from glf.evaluation.evaluate import evaluate
    from glf.models.base import HasBounds, conditions_of

    keras.backend.clear_session()
    model, dataset, step, _ = configurables.load_run(workdir, DATA_DIR.value)
    weighted = IMPORTANCE_SAMPLES.value if isinstance(model, HasBounds) else ()
    metrics = evaluate(model, dataset, SPLIT.value, importance_samples=weighted)
    examples = dataset.examples(SPLIT.value, slice(0, NUM.value))
    conditions = conditions_of(model, examples)
    num = len(examples["image"])
    model.sample(num, 0, **conditions)
    began = time.perf_counter()
    model.sample(num, 1, **conditions).numpy()
    found = {
        "asked": asked,
        "step": step,
        "parameters": sum(weight.shape.num_elements() for weight in tensors(model)),
        "seconds": seconds_of(workdir),
        "sampling_ms": 1e3 * (time.perf_counter() - began) / num,
        "metrics": metrics,
    }
    if picture is not None:
        pixels = pictures.samples(model, dataset, NUM.value, 0, MIN_SIDE.value)
        pictures.write_png(picture, pixels)
    files.write_json(kept, found)
    return found


def tensors(model):
    """The trainable weights' values."""
    return [weight.value for weight in model.trainable_weights]


def table(results):
    """Markdown: one row a study; mean and standard deviation over seeds."""
    columns = ["bits_per_dim"]
    columns += [f"bits_per_dim_iw{k}" for k in sorted(set(IMPORTANCE_SAMPLES.value))]
    columns += ["nll", "gap"]
    every = [run["metrics"] for result in results.values() for run in result["runs"]]
    columns = [c for c in columns if any(c in metrics for metrics in every)]
    head = ["study", *columns, "parameters", "training, s", "sampling, ms/image"]
    lines = [head, ["---"] * len(head)]
    for name, result in results.items():
        runs, row = result["runs"], [name]
        for column in columns:
            values = [r["metrics"][column]["value"] for r in runs if column in r["metrics"]]
            row.append(spread(values) if values else "")
        row += [f"{runs[0]['parameters']:,d}"]
        row += [f"{statistics.mean(r['seconds'] for r in runs):.0f}"]
        row += [f"{statistics.mean(r['sampling_ms'] for r in runs):.3g}"]
        lines.append(row)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values):
    """Mean ± standard deviation; a single value as it is."""
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


if __name__ == "__main__":
    common.run(main)
