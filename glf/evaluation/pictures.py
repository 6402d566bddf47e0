"""Images in rows and columns, as PNG files that a person can look at; waveforms as curves."""

import math
import pathlib

import numpy as np
from PIL import Image

from glf.core import files
from glf.evaluation import waveforms


def to_bytes(images, levels):
    """Images in {0, ..., levels - 1} to 0-255: x * 255 / (levels - 1), rounded."""
    images = np.asarray(images)
    if levels == 256:
        return images.astype(np.uint8)
    return np.rint(images.astype(np.float64) * (255 / (levels - 1))).astype(np.uint8)


def grid(images, levels=256, columns=None, gap=1, min_side=0, sample_rate=None):
    """Lays images [num, height, width, channels] out in a grid.

    Args:
      images: integers in the data's levels, 1 or 3 channels.
      levels: the number of levels.
      columns: images in a row; None: about as many as rows.
      gap: pixels between images, before enlarging.
      min_side: enlarge each pixel by the least whole factor that makes an image at least this
        many pixels high and wide; 0: leave it.
      sample_rate: for waveforms, which are drawn as curves; None for images.

    Returns uint8 [rows, columns] or [rows, columns, 3].
    """
    if sample_rate is not None:
        images, levels = waveforms.draw(images, levels), 256
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


def rows_of(*stacks, min_side=0):
    """A grid in which row i holds image i of every stack.

    Args:
      *stacks: pairs of integers [num, height, width, 1 or 3], all of one height and width, and
        their number of levels.
      min_side: see `grid`.

    Returns uint8 [rows, columns] or [rows, columns, 3].
    """
    shown = [to_bytes(images, levels) for images, levels in stacks]
    channels = max(images.shape[3] for images in shown)
    shown = [np.broadcast_to(images, (*images.shape[:3], channels)) for images in shown]
    together = np.stack(shown, 1).reshape(-1, *shown[0].shape[1:])
    return grid(together, 256, len(stacks), min_side=min_side)


def in_pairs(first, second, spec, min_side=0):
    """A grid of even columns: a, b, a, b, ... of images in the levels of a `DataSpec`."""
    pairs = side_by_side(first, second)
    columns = max(2, 2 * round(math.sqrt(len(pairs)) / 2))
    return grid(pairs, spec.levels, columns, min_side=min_side, sample_rate=spec.sample_rate)


def condition_sample_example(batch, drawn, spec, min_side=0):
    """A grid whose rows are the condition of an example, a sample, and the example itself."""
    condition = (batch["condition"], spec.condition_levels)
    images = ((drawn, spec.levels), (batch["x"], spec.levels))
    return rows_of(condition, *images, min_side=min_side)


def beside_known(known, images, levels, min_side=0):
    """A grid of samples, each with what was known of it to its left.

    Args:
      known: integers in the data's levels, -1 where nothing was known: a middle grey.
      images: the samples, in the data's levels.
      levels: the number of levels.
      min_side: see `grid`.
    """
    shown = np.where(known >= 0, to_bytes(np.maximum(known, 0), levels), 128)
    columns = 2 * max(1, round(np.sqrt(len(images))))
    return grid(side_by_side(shown, to_bytes(images, levels)), 256, columns, min_side=min_side)
