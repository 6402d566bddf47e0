"""Judges the samples of a model that is conditioned on images.

  python -m scripts.evaluate_conditional --workdir=runs/upscaling --task=super_resolution \
    --out=upscaling
  python -m scripts.evaluate_conditional --workdir=runs/vessels --task=segmentation --out=vessels

Prints a table, and writes TASK.json and TASK.png into the folder --out. Super-resolution: PSNR and
SSIM of samples, of their mean, and of bicubic interpolation; the picture's columns are condition,
bicubic, sample, mean, original. Segmentation: IoU and F1 of samples and of their mean, and the
uncertainty of pixels; the columns are image, true mask, two samples, mean, uncertainty.
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
EXAMPLES = flags.DEFINE_integer(
    "examples", None, "How many examples of the split, from its first on. Default: all.", 1
)
SEED = flags.DEFINE_integer("seed", 0, "Of the samples.")
PICTURES = common.define_positive("pictures", 8, "Rows of the picture.")
BATCH_SIZE = common.define_positive("batch_size", 64, "Examples at a time.")
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses folders that hold no run."""
    early.Run(WORKDIR.value)


def main():
    """Flags in, a table, a JSON file and a picture out."""
    from glf import configurables
    from glf.core import files
    from glf.evaluation import pictures
    from glf.evaluation.report import table
    from glf.evaluation.segmentation import segmentation
    from glf.evaluation.super_resolution import super_resolution

    model, dataset, step, _ = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    task = TASK.value
    measure = {"segmentation": segmentation, "super_resolution": super_resolution}[task]
    metrics, pixels = measure(
        model,
        dataset,
        SPLIT.value,
        NUM_SAMPLES.value,
        seed=SEED.value,
        examples=EXAMPLES.value,
        batch_size=BATCH_SIZE.value,
        num_pictures=PICTURES.value,
    )
    out = pathlib.Path(OUT.value)
    count = min(
        EXAMPLES.value or dataset.num_examples(SPLIT.value), dataset.num_examples(SPLIT.value)
    )
    document = {
        "step": step,
        "split": SPLIT.value,
        "examples": count,
        "num_samples": NUM_SAMPLES.value,
        "metrics": metrics,
    }
    files.write_json(out / f"{task}.json", document)
    pictures.write_png(out / f"{task}.png", pixels)
    title = f"{dataset.name}, {count} examples of the {SPLIT.value} split, step {step}"
    print(table(metrics, title))
    logging.info("Written to %s.", out)


if __name__ == "__main__":
    common.run(main, check=check)
