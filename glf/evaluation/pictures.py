"""Images in rows and columns, as PNG files a person can look at; waveforms as curves."""

import math
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from glf.core import files, outputs
from glf.evaluation import density_pictures, waveforms
from glf.models.base import Reconstructs, conditions_of
from glf.models.drawn import drawn_images

OUTPUTS = (".png", ".npz", outputs.NEW_FOLDER)  # what images can be written to


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


def samples(model, dataset, num, seed, min_side=0):
    """A grid of `num` samples; of a model conditioned on images, samples beside their examples.

    Raises:
      ValueError: if values of samples are not finite.
    """
    pixels, drawn = samples_and_report(model, dataset, num, seed, min_side)
    drawn.finite()
    return pixels


def samples_and_report(model, dataset, num, seed, min_side=0):
    """The grid of `samples`, and the samples as `Drawn`: how many values were no data's.

    For such a model the conditions are those of the first `num` / 2 validation examples, or
    training examples where there are none, and each example stands to the left of its sample. Where
    the data bring the conditions, each row of a grid of `num` / 4 is condition, sample, example. Of
    a model of points it is `density_pictures.beside_data`, whatever `num`.
    """
    spec = model.spec
    if spec.levels is None:
        drawn = model.draw(density_pictures.POINTS, seed)
        return density_pictures.beside_data(model, dataset, drawn.x), drawn
    if getattr(model, "condition_kind", None) in (None, "label"):
        drawn = model.draw(num, seed)
        return grid(drawn.x, spec.levels, min_side=min_side, sample_rate=spec.sample_rate), drawn
    split = "validation" if dataset.num_examples("validation") else "train"
    paired = model.condition_kind == "paired"
    chosen = np.arange(min(max(num // (4 if paired else 2), 1), dataset.num_examples(split)))
    batch = dataset.examples(split, chosen)
    drawn = model.draw(len(chosen), seed, **conditions_of(model, batch))
    if paired:
        return condition_sample_example(batch, drawn.x, spec, min_side), drawn
    return _pairs(batch["image"], drawn.x, spec, min_side), drawn


def condition_sample_example(batch, drawn, spec, min_side=0):
    """A grid whose rows are the condition of an example, a sample, and the example itself."""
    condition = (batch["condition"], spec.condition_levels)
    return rows_of(
        condition, (drawn, spec.levels), (batch["image"], spec.levels), min_side=min_side
    )


def reconstructions(model, dataset, split, num, min_side=0):
    """A grid of the first `num` images of a split, each with its reconstruction to its right.

    Raises:
      ValueError: if the model does not reconstruct, or values of reconstructions are not finite.
    """
    pixels, drawn = reconstructions_and_report(model, dataset, split, num, min_side)
    drawn.finite()
    return pixels


def reconstructions_and_report(model, dataset, split, num, min_side=0):
    """The grid of `reconstructions`, and these as `Drawn`: how many values were not finite."""
    if not isinstance(model, Reconstructs):
        raise ValueError(f"{type(model).__name__} does not reconstruct images.")
    chosen = np.arange(min(num, dataset.num_examples(split)))
    x = dataset.examples(split, chosen)["image"]
    drawn = drawn_images(model.reconstruct_unit(tf.constant(x)), model.spec.levels)
    return _pairs(x, drawn.x, model.spec, min_side), drawn


def _pairs(first, second, spec, min_side):
    """A grid of even columns: a, b, a, b, ..."""
    pairs = side_by_side(first, second)
    columns = max(2, 2 * round(math.sqrt(len(pairs)) / 2))
    return grid(pairs, spec.levels, columns, min_side=min_side, sample_rate=spec.sample_rate)


def write_images(out, images, levels, min_side=0, sample_rate=None):
    """Writes images as `out` asks: a .png grid, an .npz array, or else a folder of PNG files.

    With a `sample_rate` they are waveforms: the grid is one of curves, and the folder one of WAV
    files (16-bit PCM).

    Raises:
      ValueError: if `out` has another suffix of a file, is a folder where a file was asked for or
        the reverse, or is a folder that holds something.
    """
    out = files.expanded(out)
    outputs.require_output(out, OUTPUTS)
    if out.suffix == ".png":
        write_png(out, grid(images, levels, min_side=min_side, sample_rate=sample_rate))
    elif out.suffix == ".npz":
        rate = {} if sample_rate is None else {"sample_rate": sample_rate}
        with files.atomic_path(out) as temporary:
            np.savez_compressed(temporary, images=images, levels=levels, **rate)
    else:
        digits = len(str(len(images) - 1))
        for i, image in enumerate(images):
            if sample_rate is not None:
                waveforms.write_wav(out / f"{i:0{digits}d}.wav", image, levels, sample_rate)
            else:
                pixels = grid(image[None], levels, gap=0, min_side=min_side)
                write_png(out / f"{i:0{digits}d}.png", pixels)
