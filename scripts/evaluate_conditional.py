"""Judges the samples of a model that is conditioned on images: part of scripts.evaluate today.

  python -m scripts.evaluate_conditional --workdir=runs/vessels --task=segmentation --out=vessels

Measures what `python -m scripts.evaluate --only=TASK --conditional_samples=8` does, and writes
TASK.json and TASK.png into the folder --out.
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.evaluate_conditional")

from . import common, early

WORKDIR = common.define_workdir()
TASK = flags.DEFINE_enum(
    "task", None, ["super_resolution", "segmentation"], "What to measure.", required=True
)
OUT = common.define_output("out", ("folder",), "The folder for the JSON file and picture.")
NUM_SAMPLES = common.define_positive("num_samples", 8, "Samples for each example.")
SPLIT = common.define_split()
EXAMPLES = common.define_positive(
    "examples", None, "How many examples of the split, from its first on. Default: all."
)
SEED = flags.DEFINE_integer("seed", 0, "Of the samples.")
PICTURES = common.define_positive("pictures", 8, "Rows of the picture.")
BATCH_SIZE = common.define_positive("batch_size", 64, "Examples at a time.")
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()


def main():
    """Flags in, a table, a JSON file and a picture out."""
    from glf import configurables
    from glf.core import files
    from glf.evaluation import pictures
    from glf.evaluation.evaluate import evaluate
    from glf.evaluation.report import table

    model, dataset, step, _ = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    out = pathlib.Path(OUT.value)
    metrics = evaluate(
        model,
        dataset,
        SPLIT.value,
        BATCH_SIZE.value,
        SEED.value,
        only=[TASK.value],
        show=lambda name, pixels: pictures.write_png(out / f"{name}.png", pixels),
        conditional_samples=NUM_SAMPLES.value,
        examples=EXAMPLES.value,
        picture_rows=PICTURES.value,
    )
    count = metrics["sampled_examples"]["value"]
    document = {"step": step, "split": SPLIT.value, "examples": count}
    document |= {"num_samples": NUM_SAMPLES.value, "metrics": metrics}
    files.write_json(out / f"{TASK.value}.json", document)
    title = f"{dataset.name}, {count} examples of the {SPLIT.value} split, step {step}"
    print(table(metrics, title))
    logging.info("Written to %s; scripts.evaluate does the same.", out)


if __name__ == "__main__":
    common.run(main, check=lambda: early.Run(WORKDIR.value))
