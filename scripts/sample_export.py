"""Samples from an exported SavedModel with TensorFlow, NumPy and Pillow alone.

  python -I scripts/sample_export.py exported/digits --num=64 --seed=0 --out=samples.png

This file imports nothing of the package and is an example of how to use an export elsewhere.
"""

import argparse
import importlib.util
import json
import math
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from PIL import Image


def main():
    """Loads the export, draws samples, writes a grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=pathlib.Path, help="the exported folder")
    parser.add_argument("--num", type=int, default=64, help="how many images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--min_side", type=int, default=1, help="enlarge images to this side")
    parser.add_argument("--out", type=pathlib.Path, default="samples.png", help="a .png file")
    arguments = parser.parse_args()
    described = json.loads((arguments.export / "signatures.json").read_text(encoding="utf-8"))
    if described["levels"] is None:
        parser.error("this export samples points, not images; call the sample function it holds")
    loaded = tf.saved_model.load(str(arguments.export))
    output = loaded.sample(
        num=tf.constant(arguments.num),
        temperature=tf.constant(arguments.temperature),
        seed=tf.constant(arguments.seed, tf.int64),
    )
    images = np.rint(output["images"].numpy() * (255 / (described["levels"] - 1))).astype(np.uint8)
    num, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    canvas = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1, channels), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = 1 + i // columns * (height + 1), 1 + i % columns * (width + 1)
        canvas[top : top + height, left : left + width] = image
    factor = max(1, math.ceil(arguments.min_side / min(height, width)))
    canvas = canvas.repeat(factor, 0).repeat(factor, 1)
    Image.fromarray(canvas[..., 0] if channels == 1 else canvas).save(arguments.out)
    package = importlib.util.find_spec("glf")
    where = "glf is importable here" if package else "glf is not importable here"
    print(f"{num} samples of {arguments.export} are in {arguments.out} ({where}).")


if __name__ == "__main__":
    main()
