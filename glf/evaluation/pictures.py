"""Images in rows and columns, as PNG files a person can look at."""

import math
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from glf.core import files
from glf.models.base import Reconstructs


def to_bytes(images, levels):
    """Images in {0, ..., levels - 1} to 0-255: x * 255 / (levels - 1), rounded."""
    images = np.asarray(images)
    if levels == 256:
        return images.astype(np.uint8)
    return np.rint(images.astype(np.float64) * (255 / (levels - 1))).astype(np.uint8)


def grid(images, levels=256, columns=None, gap=1, min_side=0):
    """Lays images [num, height, width, channels] out in a grid.

    Args:
      images: integers in the data's levels, 1 or 3 channels.
      levels: the number of levels.
      columns: images in a row; None: about as many as rows.
      gap: pixels between images, before enlarging.
      min_side: enlarge each pixel by the least whole factor that makes an image at least this
        many pixels high and wide; 0: leave it.

    Returns uint8 [rows, columns] or [rows, columns, 3].
    """
    images = to_bytes(images, levels)
    num, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, channels)
    canvas = np.full(shape, 255, np.uint8)
    for i, image in enumerate(images):
        top = gap + (i // columns) * (height + gap)
        left = gap + (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    factor = max(1, math.ceil(min_side / min(height, width)))
    canvas = canvas.repeat(factor, 0).repeat(factor, 1)
    return canvas[..., 0] if channels == 1 else canvas


def write_png(path, pixels):
    """Writes uint8 [height, width] or [height, width, 3] as PNG, whole or not at all.

    Raises:
      ValueError: if the name does not end in .png.
    """
    if pathlib.Path(path).suffix != ".png":
        raise ValueError(f"A picture is written to a .png file, got --out={path}.")
    with files.atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def side_by_side(first, second):
    """Interleaves two equal stacks of images: a, b, a, b, ... (for a grid of even columns)."""
    return np.stack([first, second], axis=1).reshape(-1, *np.shape(first)[1:])


def reconstructions(model, dataset, split, num, min_side=0):
    """A grid of the first `num` images of a split, each with its reconstruction to its right.

    Raises:
      ValueError: if the model does not reconstruct.
    """
    if not isinstance(model, Reconstructs):
        raise ValueError(f"{type(model).__name__} does not reconstruct images.")
    chosen = np.arange(min(num, dataset.num_examples(split)))
    x = dataset.examples(split, chosen)["image"]
    pairs = side_by_side(x, model.reconstruct(tf.constant(x)))
    columns = max(2, 2 * round(math.sqrt(len(pairs)) / 2))
    return grid(pairs, model.spec.levels, columns, min_side=min_side)


def write_images(out, images, levels, min_side=0):
    """Writes images as `out` asks: a .png grid, an .npz array, or else a folder of PNG files.

    Raises:
      ValueError: if `out` has another suffix of a file, is a folder where a file was asked for or
        the reverse, or is a folder that holds something.
    """
    out = pathlib.Path(out)
    if out.suffix in (".png", ".npz") and out.is_dir():
        raise ValueError(f"--out={out} is a folder; give the name of a file.")
    if out.suffix == ".png":
        write_png(out, grid(images, levels, min_side=min_side))
    elif out.suffix == ".npz":
        with files.atomic_path(out) as temporary:
            np.savez_compressed(temporary, images=images, levels=levels)
    elif out.suffix:
        raise ValueError(f"--out={out}: expected a .png file, an .npz file, or a folder.")
    elif out.exists() and not out.is_dir():
        raise ValueError(f"--out={out} is a file without .png or .npz; give another name.")
    elif out.exists() and any(out.iterdir()):
        raise ValueError(f"--out={out} is a folder and not empty; give a new name or empty it.")
    else:
        width = len(str(len(images) - 1))
        for i, image in enumerate(images):
            pixels = grid(image[None], levels, gap=0, min_side=min_side)
            write_png(out / f"{i:0{width}d}.png", pixels)
