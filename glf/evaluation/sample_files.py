"""Samples as files: a picture, an array, or a folder of pictures or of sounds."""

import numpy as np

from glf.core import files, outputs
from glf.evaluation import density_pictures, pictures, waveforms

IMAGES = (".png", ".npz", outputs.NEW_FOLDER)  # what images can be written to
POINTS = (".png", ".npz")


def write_images(out, images, levels, min_side=0, sample_rate=None, columns=None):
    """Writes images as `out` asks: a .png grid, an .npz array, or else a folder of PNG files.

    With a `sample_rate` they are waveforms: the grid is one of curves, and the folder one of WAV
    files (16-bit PCM) with spectrograms.png, what is in them in the same order. A grid has about as
    many columns as rows, or as `columns` says.

    Raises:
      ValueError: if `out` has another suffix of a file, is a folder where a file was asked for or
        the reverse, or is a folder that holds something.
    """
    out = files.expanded(out)
    outputs.require_output(out, IMAGES)
    if out.suffix == ".png":
        pixels = pictures.grid(images, levels, columns, min_side=min_side, sample_rate=sample_rate)
        pictures.write_png(out, pixels)
    elif out.suffix == ".npz":
        rate = {} if sample_rate is None else {"sample_rate": sample_rate}
        with files.atomic_path(out) as temporary:
            np.savez_compressed(temporary, images=images, levels=levels, **rate)
    else:
        digits = len(str(len(images) - 1))
        if sample_rate is not None:
            spectra = waveforms.spectrograms(images, levels, sample_rate)
            pictures.write_png(out / "spectrograms.png", pictures.grid(spectra, gap=2))
        for i, image in enumerate(images):
            if sample_rate is not None:
                waveforms.write_wav(out / f"{i:0{digits}d}.wav", image, levels, sample_rate)
            else:
                pixels = pictures.grid(image[None], levels, gap=0, min_side=min_side)
                pictures.write_png(out / f"{i:0{digits}d}.png", pixels)


def write_samples(out, images, spec, example=None, min_side=0):
    """Writes samples of a model; a .png of images shows examples that they belong to beside them.

    Args:
      out: as of `write_images`, like its errors.
      images: integers [num, height, width, channels] in the data's levels.
      spec: the `DataSpec` of the data.
      example: {"x", perhaps "condition"} for each, "x" -1 where nothing of it was known;
        None: they belong to none.
      min_side: see `glf.evaluation.pictures.grid`.
    """
    out = files.expanded(out)
    if example is None or spec.sample_rate is not None or out.suffix != ".png":
        write_images(out, images, spec.levels, min_side, spec.sample_rate)
        return
    if "condition" in example:
        pixels = pictures.condition_sample_example(example, images, spec, min_side)
    else:
        pixels = pictures.beside_known(example["x"], images, spec.levels, min_side)
    pictures.write_png(out, pixels)


def write_points(out, points, model=None, data=None):
    """Writes points of a plane: an .npz array, or a .png of the density, the points and `data`.

    Raises:
      ValueError: for other names.
    """
    out = files.expanded(out)
    outputs.require_output(out, POINTS)
    if out.suffix == ".png":
        pictures.write_png(out, density_pictures.picture(model, points, data))
        return
    with files.atomic_path(out) as temporary:
        np.savez_compressed(temporary, points=points)
