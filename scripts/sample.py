"""Draws samples from a trained model.

  python -m scripts.sample --workdir=runs/digits --num=64 --seed=0 --out=samples.png

--out decides what is written: a .png file holds a grid, an .npz file the array "images" (uint8,
[num, height, width, channels], in the data's levels), and any other name is a folder of PNG files.
"""

import pathlib

from absl import flags, logging

from scripts import common

WORKDIR = common.define_workdir()
NUM = common.define_positive("num", 64, "How many images.")
SEED = flags.DEFINE_integer("seed", 0, "The same seed gives the same images.")
TEMPERATURE = flags.DEFINE_float(
    "temperature", 1.0, "Scales the base noise: 1 samples the model, less is more typical.", 0.0
)
OUT = flags.DEFINE_string("out", None, "A .png grid, an .npz array, or a folder.", required=True)
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images of a PNG by a whole factor until each side has so many pixels."
)
CHECKPOINT = common.define_checkpoint()


def main():
    """Flags in, files out."""
    from glf import configurables
    from glf.evaluation import pictures

    model, _, step, _ = configurables.load_run(
        WORKDIR.value, checkpoint=CHECKPOINT.value, with_data=False
    )
    images = model.sample(NUM.value, SEED.value, TEMPERATURE.value).numpy()
    pictures.write_images(OUT.value, images, model.spec.levels, min_side=MIN_SIDE.value)
    logging.info(
        "%d samples of step %d, temperature %g, are in %s.",
        len(images),
        step,
        TEMPERATURE.value,
        pathlib.Path(OUT.value),
    )


if __name__ == "__main__":
    common.run(main)
