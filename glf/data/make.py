"""One name for each source of data: `make_dataset`."""

import dataclasses
import os

import numpy as np

from glf.core.files import expanded
from glf.data import store
from glf.data.array import load_array_source
from glf.data.dataset import Dataset
from glf.data.digits import load_digits_source
from glf.data.folder import load_folder_source
from glf.data.geometry import Geometry
from glf.data.pairs import load_pairs_source
from glf.data.points import DENSITIES, load_points_source
from glf.data.tfds import load_tfds_source
from glf.data.vessels import load_vessels_source
from glf.data.wav import load_wav_source


def make_dataset(
    source="digits",
    *,
    data_dir=None,
    data_path=None,
    image_size=None,
    crop=None,
    channels=None,
    binarize=None,
    num_bits=None,
    validation_examples=None,
    horizontal_flip=False,
    max_translation=None,
    labels="auto",
    levels=None,
    num_samples=None,
    num_examples=None,
    noise=None,
    download=True,
    memory_budget=store.MEMORY_BUDGET,
    cache_dir=None,
):
    """Makes a dataset of images of integers, or of points in the plane.

    Args:
      source: one of
        "digits": 8 x 8 digits, embedded, see `load_digits_source`;
        "tfds:NAME": a dataset of tfds, see `load_tfds_source`;
        "folder:PATH": a folder of images, see `load_folder_source`;
        "array:PATH": an .npy or .npz file, see `load_array_source`;
        "wav:PATH": a folder of WAV files, see `load_wav_source`;
        "pairs:PATH": a folder of images and their binary masks, see `load_pairs_source`;
        "vessels": generated pictures of vessels with masks, see `load_vessels_source`;
        "two_moons", "checkerboard", "eight_gaussians": points, see `load_points_source`.
      data_dir: where tfds datasets are prepared; None for TFDS_DATA_DIR, else the default of tfds.
      data_path: where the data of a "folder:", "array:", "wav:" or "pairs:" source are now, in the
        place of its PATH: for data that were moved. It is no part of the experiment.
      image_size: an integer or (height, width) to resize to; the image is first cropped about its
        centre to these proportions.
      crop: an integer or (height, width) of a centre crop that comes first.
      channels: 1, 3, or None to keep them (3 for a folder and for what masks are paired with).
      binarize: None, "threshold", "dynamic" or "fixed", see `Dataset`.
      num_bits: keep only the upper bits of 8-bit data: x becomes floor(x / 2^(8 - num_bits)).
      validation_examples: how many to cut from train where there is no validation split; None for
        min(5000, a tenth of train). See `complete_splits`.
      horizontal_flip: mirror training examples at random.
      max_translation: shift training examples at random by up to so much along each side: a
        fraction of the side (a float below 1) or a number of pixels (an integer); see `Dataset`.
      labels: None for no labels; "auto" for those that the source has, of a folder its subfolders
        where they can be classes, see `load_folder_source`; "subfolders" for these in any case.
      levels: for an array, the number of levels; None to take it from the largest value.
      num_samples: for WAV files, the length of an example.
      num_examples: for what is generated, the number of training examples.
      noise: for two_moons, the standard deviation around the half circles, 0.05 unless told.
      download: let tfds download what is not prepared.
      memory_budget: bytes a decoded array may take in memory; beyond, it is memory-mapped.
      cache_dir: a folder for memory-mapped arrays; None for the user's cache folder.

    Returns:
      A `Dataset`.

    Raises:
      ValueError: if an option is out of range or does not belong to the source, or if the source
        cannot be read.
    """
    kind, _, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
    if kind not in _LOADERS or (kind in _EMBEDDED) != (not rest):
        raise ValueError(
            f'source is one of {", ".join(_EMBEDDED)}, or "tfds:NAME", "folder:PATH", '
            '"array:PATH", "wav:PATH" or "pairs:PATH", e.g. "tfds:mnist"; '
            f"got {source!r}."
        )
    if data_path is not None and kind not in _OF_PATHS:
        known = ", ".join(f"{name}:PATH" for name in _OF_PATHS)
        raise ValueError(
            f"data_path={str(data_path)!r} is for sources that name a path ({known}), not for "
            f"{source!r}."
        )
    try:
        rest.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"The path in source={source!r} is not UTF-8, so that no configuration can hold it. "
            "Rename the folder, or make a link to it of another name; names of files may be "
            "anything."
        ) from None
    if channels not in (None, 1, 3):
        raise ValueError(f"channels is 1 (grey), 3 (colour) or None, got {channels!r}.")
    if labels not in ("auto", None) and kind != "folder":
        raise ValueError(
            f'labels={labels!r} is for "folder:" sources only, not {source!r}; elsewhere it is '
            '"auto" or None.'
        )
    if levels is not None and kind != "array":
        raise ValueError(f'levels={levels!r} is for "array:" sources only, not {source!r}.')
    if num_samples is not None and kind != "wav":
        raise ValueError(f'num_samples={num_samples!r} is for "wav:" sources only, not {source!r}.')
    if num_examples is not None and "num_examples" not in _LOADERS[kind][1]:
        raise ValueError(
            f"num_examples={num_examples!r} is for generated sources only, not {source!r}."
        )
    if noise is not None and kind != "two_moons":
        raise ValueError(f'noise={noise!r} is for "two_moons" only, not {source!r}.')
    if kind == "wav" or kind in DENSITIES:
        of_images = {"image_size": image_size, "crop": crop, "channels": channels}
        of_images |= {"horizontal_flip": horizontal_flip or None}
        of_images |= {"max_translation": max_translation}
        if kind == "wav":
            # Files go to the splits whole, so that a number of examples cannot be asked for.
            of_images |= {"validation_examples": validation_examples}
        wrong = [option for option, value in of_images.items() if value is not None]
        if wrong:
            shown = "wav:" if kind == "wav" else kind
            raise ValueError(f'{", ".join(wrong)}: not for "{shown}" sources; leave out.')
    for option, number, least in (
        ("validation_examples", validation_examples, 0),
        ("num_examples", num_examples, 1),
    ):
        if number is not None and not _is_integer(number, least):
            raise ValueError(f"{option} is an integer of at least {least}, got {number!r}.")
    if memory_budget < 0:
        raise ValueError(f"memory_budget is a number of bytes, at least 0, got {memory_budget}.")
    geometry = Geometry(_pair("crop", crop), _pair("image_size", image_size), channels)
    options = {
        "geometry": geometry,
        "validation_examples": validation_examples,
        "data_dir": data_dir,
        "download": download,
        "labels": labels,
        "levels": levels,
        "num_samples": num_samples,
        "num_examples": num_examples,
        "noise": noise,
        "memory_budget": memory_budget,
        "cache_dir": cache_dir,
    }
    load, takes = _LOADERS[kind]
    place = {}
    if kind in _OF_PATHS:
        rest = rest if data_path is None else os.fspath(data_path)
        place = {"data_path": os.path.abspath(expanded(rest))}
    arguments = [rest] if rest else [kind] if kind in DENSITIES else []
    loaded = load(*arguments, **{option: options[option] for option in takes})
    if labels is None:
        loaded = dataclasses.replace(loaded, num_classes=None)
    if place:
        loaded = dataclasses.replace(loaded, name=source, place=place)
    return Dataset(
        loaded,
        binarize=binarize,
        horizontal_flip=horizontal_flip,
        max_translation=max_translation,
        num_bits=num_bits,
    )


_COMMON = ("geometry", "validation_examples")
_STORED = ("memory_budget", "cache_dir")
_LOADERS = {
    "digits": (load_digits_source, _COMMON),
    "tfds": (load_tfds_source, (*_COMMON, *_STORED, "data_dir", "download")),
    "folder": (load_folder_source, (*_COMMON, *_STORED, "labels")),
    "array": (load_array_source, (*_COMMON, *_STORED, "levels")),
    "wav": (load_wav_source, (*_STORED, "num_samples")),
    "pairs": (load_pairs_source, (*_COMMON, *_STORED)),
    "vessels": (load_vessels_source, (*_COMMON, "num_examples")),
} | dict.fromkeys(DENSITIES, (load_points_source, ("validation_examples", "num_examples", "noise")))
_OF_PATHS = ("folder", "array", "wav", "pairs")
_EMBEDDED = ("digits", "vessels", *DENSITIES)


def _pair(name, value):
    """(height, width) of an integer or a pair; None stays None."""
    if value is None:
        return None
    pair = (value, value) if _is_integer(value, 1) else value
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        pair = ()
    if not pair or not all(_is_integer(side, 1) for side in pair):
        raise ValueError(
            f"{name} is a positive integer or a pair (height, width) of them, got {value!r}."
        )
    return int(pair[0]), int(pair[1])


def _is_integer(value, minimum):
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return integer and value >= minimum
