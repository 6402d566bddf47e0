"""NumPy files of images: .npy and .npz."""

import zipfile

import numpy as np

from glf.core.files import expanded
from glf.data import store
from glf.data.geometry import Geometry
from glf.data.source import SPLITS, Source, Split, Table, complete_splits

_WHOLE = ("images", "image", "x")
_WHOLE_LABELS = ("labels", "label", "y")


def load_array_source(
    path,
    geometry=None,
    levels=None,
    validation_examples=None,
    memory_budget=store.MEMORY_BUDGET,
    cache_dir=None,
):
    """Images in a NumPy file: integers in {0..255}, [n, h, w] or [n, h, w, c] with c up to 4.

    An .npy file holds the images. An .npz file holds
      either "images" (or "image", "x") and perhaps "labels" ("label", "y"),
      or "x_train" and perhaps "x_validation", "x_test", with "y_train", ... if labelled.
    Missing splits are cut by `complete_splits`. Labels are integers [n] or [n, 1] from 0 on.

    Args:
      path: the file.
      geometry: a `Geometry`.
      levels: values are in {0..levels-1}. None: the largest value plus one, and 256 where that is
        above 128, because 8-bit images need not reach white.
      validation_examples: see `complete_splits`.
      memory_budget: bytes a split may take in memory; an .npy file of uint8 beyond it is read in
        place.
      cache_dir: where splits beyond it are kept if they have to be converted.

    Raises:
      ValueError: if the file is missing or not such a file, if values are not integers or out of
        range, or if labels do not match.
    """
    name = f"array:{path}"
    path = expanded(path)
    geometry = geometry or Geometry()
    arrays = _read(name, path)
    images = {s: _checked_images(name, key, a) for s, (key, a, _) in arrays.items()}
    labels = {s: _checked_labels(name, key, a, y) for s, (key, a, y) in arrays.items()}
    if len({a.shape[1:] for a in images.values()}) > 1:
        shapes = {s: a.shape for s, a in images.items()}
        raise ValueError(f"The splits of {name!r} differ in shape: {shapes}.")
    if len({y is None for y in labels.values()}) > 1:
        raise ValueError(f"Some splits of {name!r} have labels and some do not.")
    levels = _levels(name, levels, max(int(a.max()) for a in images.values()))
    shape = geometry.output_shape(images["train"].shape[1:], name)
    stat = path.stat()
    key = [str(path.resolve()), stat.st_size, stat.st_mtime_ns, repr(geometry), levels]

    def table(split):
        array = images[split]
        if array.dtype == np.uint8 and array.shape[1:] == shape:
            stored = np.array(array) if array.nbytes <= memory_budget else array
        else:
            stored, _ = store.collect(
                f"{name} {split}",
                lambda: _converted(array, geometry, levels, name),
                len(array),
                shape,
                [*key, split],
                memory_budget,
                cache_dir,
            )
        return Split.whole(Table(split, len(stored), lambda: (stored, labels[split])))

    splits = complete_splits(name, {s: table(s) for s in images}, validation_examples)
    num_classes = None
    if labels["train"] is not None:
        num_classes = 1 + max(int(y.max()) for y in labels.values())
    return Source(name, shape, levels, num_classes, splits)


def _read(name, path):
    """{split: (key, images, labels or None)} as they stand in the file."""
    if not path.is_file() or path.suffix not in (".npy", ".npz"):
        what = "is not a file" if path.exists() else "does not exist"
        what = "ends neither in .npy nor .npz" if path.is_file() else what
        raise ValueError(f"array: wants an .npy or .npz file; {str(path)!r} {what}.")
    try:
        if path.suffix == ".npy":
            return {"train": ("the array", np.load(path, mmap_mode="r"), None)}
        with np.load(path) as archive:
            content = {key: archive[key] for key in archive.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a NumPy file of numbers: {error}"
        ) from error
    if "x_train" in content:
        return {
            split: (f"x_{split}", content[f"x_{split}"], content.get(f"y_{split}"))
            for split in SPLITS
            if f"x_{split}" in content
        }
    for key in _WHOLE:
        if key in content:
            found = [content[label] for label in _WHOLE_LABELS if label in content]
            return {"train": (key, content[key], found[0] if found else None)}
    raise ValueError(
        f'{name!r} has none of the keys "images", "image", "x" or "x_train"; it has '
        f"{sorted(content)}."
    )


def _checked_images(name, key, array):
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise ValueError(
            f"{name!r}: {key} has shape {array.shape}; expected [n, h, w] or [n, h, w, c]."
        )
    array = array[..., np.newaxis] if array.ndim == 3 else array
    if array.shape[3] > 4:
        raise ValueError(
            f"{name!r}: {key} has shape {array.shape}, so {array.shape[3]} channels; channels come "
            "last and are at most 4 (x.transpose(0, 2, 3, 1) brings them there)."
        )
    if array.dtype.kind not in "iub":
        raise ValueError(
            f"{name!r}: {key} has dtype {array.dtype}, expected integers in 0..255; save "
            "np.round(255 * x).astype(np.uint8) for values x in [0, 1]."
        )
    if array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"{name!r}: {key} has values from {array.min()} to {array.max()}; expected 0..255."
        )
    return array


def _checked_labels(name, key, images, labels):
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"{name!r}: the labels of {key} are {labels.dtype} of shape {labels.shape}; expected "
            f"integers of at least 0, one for each of {len(images)} images."
        )
    return labels.astype(np.int32)


def _levels(name, levels, largest):
    if levels is None:
        return 256 if largest >= 128 else max(2, largest + 1)
    integer = isinstance(levels, int | np.integer) and not isinstance(levels, bool)
    if not integer or not 2 <= levels <= 256:
        raise ValueError(f"levels is an integer from 2 to 256, got {levels!r}.")
    if largest >= levels:
        raise ValueError(
            f"{name!r} has values up to {largest}, which {levels} levels do not hold; give levels "
            f"of at least {largest + 1}, or leave it out."
        )
    return int(levels)


def _converted(array, geometry, levels, name):
    for start in range(0, len(array), 1024):
        chunk = np.asarray(array[start : start + 1024]).astype(np.uint8)
        yield geometry.apply_all(chunk, levels, name), np.zeros(len(chunk))
