"""One name for each source of images: `make_dataset`."""

import numpy as np

from glf.data import store
from glf.data.array import load_array_source
from glf.data.dataset import Dataset
from glf.data.digits import load_digits_source
from glf.data.folder import load_folder_source
from glf.data.geometry import Geometry
from glf.data.tfds import load_tfds_source


def make_dataset(
    source="digits",
    *,
    data_dir=None,
    image_size=None,
    crop=None,
    channels=None,
    binarize=None,
    validation_examples=None,
    horizontal_flip=False,
    labels=None,
    levels=None,
    download=True,
    memory_budget=store.MEMORY_BUDGET,
    cache_dir=None,
):
    """Makes a dataset of images of integers.

    Args:
      source: one of
        "digits": 8 x 8 digits, embedded, see `load_digits_source`;
        "tfds:NAME": a dataset of tfds, see `load_tfds_source`;
        "folder:PATH": a folder of images, see `load_folder_source`;
        "array:PATH": an .npy or .npz file, see `load_array_source`.
      data_dir: where tfds datasets are prepared; None for TFDS_DATA_DIR, else the default of tfds.
      image_size: an integer or (height, width) to resize to; the image is first cropped about its
        centre to these proportions.
      crop: an integer or (height, width) of a centre crop that comes first.
      channels: 1, 3, or None to keep them (3 for a folder).
      binarize: None, "threshold", "dynamic" or "fixed", see `Dataset`.
      validation_examples: how many to cut from train where there is no validation split; None for
        min(5000, a tenth of train). See `complete_splits`.
      horizontal_flip: mirror training examples at random.
      labels: for a folder, "subfolders" to take the first folder of each path as the class.
      levels: for an array, the number of levels; None to take it from the largest value.
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
    if kind not in _LOADERS or (kind == "digits") != (not rest):
        raise ValueError(
            'source is "digits", "tfds:NAME", "folder:PATH" or "array:PATH", e.g. "tfds:mnist"; '
            f"got {source!r}."
        )
    if channels not in (None, 1, 3):
        raise ValueError(f"channels is 1 (grey), 3 (colour) or None, got {channels!r}.")
    if labels is not None and kind != "folder":
        raise ValueError(f'labels={labels!r} is for "folder:" sources only, not {source!r}.')
    if levels is not None and kind != "array":
        raise ValueError(f'levels={levels!r} is for "array:" sources only, not {source!r}.')
    if validation_examples is not None and not _is_integer(validation_examples, 0):
        raise ValueError(
            f"validation_examples is an integer of at least 0, got {validation_examples!r}."
        )
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
        "memory_budget": memory_budget,
        "cache_dir": cache_dir,
    }
    load, takes = _LOADERS[kind]
    arguments = [rest] if rest else []
    loaded = load(*arguments, **{option: options[option] for option in takes})
    return Dataset(loaded, binarize=binarize, horizontal_flip=horizontal_flip)


_COMMON = ("geometry", "validation_examples")
_STORED = ("memory_budget", "cache_dir")
_LOADERS = {
    "digits": (load_digits_source, _COMMON),
    "tfds": (load_tfds_source, (*_COMMON, *_STORED, "data_dir", "download")),
    "folder": (load_folder_source, (*_COMMON, *_STORED, "labels")),
    "array": (load_array_source, (*_COMMON, *_STORED, "levels")),
}


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
