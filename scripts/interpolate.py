"""Draws interpolations between test images, along straight lines in the flow's base space.

  python -m scripts.interpolate --workdir=runs/digits --out=interpolation.png

Each row goes from one test image (leftmost) to another (rightmost): both are encoded, mapped by the
flow to base noise, and joined by a straight line there; the columns between are decoded from it.
"""

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.interpolate")

from . import common, early

WORKDIR = common.define_workdir()
OUT = common.define_output("out", (".png",), "The .png file to write.")
ROWS = common.define_positive("rows", 8, "How many pairs of images.")
STEPS = flags.DEFINE_integer("steps", 10, "Images along each line, both ends included.", 2)
SEED = flags.DEFINE_integer("seed", 0, "Chooses the test images.")
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images by a whole factor until each side has so many pixels."
)
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses runs whose model has no flow on latents."""
    run = early.Run(WORKDIR.value)
    if run.lacks("HasLatentFlow"):
        raise ValueError(f"{run.model} has no flow on latents, so no base space to interpolate in.")


def main():
    """Flags in, one PNG out."""
    from glf import configurables
    from glf.evaluation import pictures
    from glf.evaluation.interpolation import interpolations

    model, dataset, step, _ = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    rows = interpolations(model, dataset, ROWS.value, STEPS.value, SEED.value)
    pixels = pictures.grid(
        rows, model.spec.levels, columns=STEPS.value + 2, min_side=MIN_SIDE.value
    )
    pictures.write_png(OUT.value, pixels)
    logging.info(
        "%d interpolations of step %d are in %s: test image, %d steps, test image.",
        ROWS.value,
        step,
        OUT.value,
        STEPS.value,
    )


if __name__ == "__main__":
    common.run(main, check=check)
