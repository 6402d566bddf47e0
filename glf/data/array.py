"""NumPy files of images: .npy and .npz."""

import zipfile
import zlib

import numpy as np
from absl import logging

from glf.core.checks import is_integer
from glf.core.files import expanded
from glf.data import content
from glf.data.source import SPLITS, Source, Split, Table, complete_splits
from glf.data.split_names import split_of

_KINDS = {"images": ("images", "image", "x"), "labels": ("labels", "label", "y")}
_MOST_CLASSES = 2**31 - 1
_WHOLE = tuple(_KINDS.values())


def load_array_source(path, /, *, geometry, store, levels=None, validation_examples=None):
    """Images in a NumPy file: integers in {0..255}, [n, h, w] or [n, h, w, c] with c up to 4.

    An .npy file holds the images. An .npz file holds
      either "images" (or "image", "x") and perhaps "labels" ("label", "y"),
      or "x_train" and perhaps "x_validation", "x_test", with "y_train", ... if labelled; also the
      other way round, "train_images", and with other usual names of splits in any case
      ("X_train", "x_val"), see `split_of`.
    Nothing else in it is read; a warning names it. Missing splits are cut by `complete_splits`.
    Labels are integers [n] or [n, 1] from 0 to 2^31 - 2.

    Args:
      path: the file.
      geometry: a `Geometry`.
      levels: values are in {0..levels-1}. None: the largest value plus one, and 256 where that is
        above 128, because 8-bit images need not reach white.
      validation_examples: see `complete_splits`.
      store: a `Store`; an .npy file of uint8 beyond its budget is read in place.

    Raises:
      ValueError: if the file is missing or not such a file, if values are not integers or out of
        range, if labels do not match or are too large, or if keys of splits lack one to train on
        or name one of them twice.
    """
    name = f"array:{path}"
    path = expanded(path)
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
            stored = np.array(array) if array.nbytes <= store.memory_budget else array
        else:
            stored, _ = store.collect(
                f"{name} {split}",
                lambda: _converted(array, geometry, levels, name),
                len(array),
                shape,
                [*key, split],
            )
        return Split.whole(Table(split, len(stored), lambda: (stored, labels[split])))

    splits = complete_splits(name, {s: table(s) for s in images}, validation_examples)
    num_classes = None
    if labels["train"] is not None:
        num_classes = 1 + max(int(y.max()) for y in labels.values())
    stored = {f"{s}/images": a for s, a in images.items()}
    stored |= {f"{s}/labels": y for s, y in labels.items()}
    of_arrays = content.of_arrays(stored)
    return Source(name, shape, levels, num_classes, splits, content=of_arrays)


def _read(name, path):
    """{split: (key, images, labels or None)} as they stand in the file."""
    if not path.is_file() or path.suffix not in (".npy", ".npz"):
        what = "is not a file" if path.exists() else "does not exist"
        what = "ends neither in .npy nor .npz" if path.is_file() else what
        raise ValueError(f"array: wants an .npy or .npz file; {str(path)!r} {what}.")
    try:
        loaded = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error
    if isinstance(loaded, np.ndarray):
        return {"train": ("the array", loaded, None)}

    def member(key):
        try:
            return None if key is None else loaded[key]
        except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise _unreadable(path, f"{key}: {error}") from error

    with loaded:
        return {
            split: (key, member(key), member(label))
            for split, (key, label) in _keys(name, loaded.files).items()
        }


def _unreadable(path, why):
    return ValueError(f"{str(path)!r} cannot be read as a NumPy file of numbers: {why}")


def _keys(name, keys):
    """{split: (key of its images, key of its labels or None)}; the others are named in a warning.

    Raises:
      ValueError: if there are no images to train on, or two keys for one thing.
    """
    of_roles = {}
    for key in keys:
        role = _role(key)
        if role is not None and of_roles.setdefault(role, key) != key:
            raise ValueError(
                f"{name!r} has both {of_roles[role]!r} and {key!r} for the {role[1]} of the "
                f"{role[0]} split; keep one of them."
            )
    images = {split for split, kind in of_roles if kind == "images"}
    if not images:
        whole = [next((key for key in known if key in keys), None) for known in _WHOLE]
        if whole[0] is None:
            raise ValueError(
                f'{name!r} has none of the keys "images", "image", "x" or "x_train"; it has '
                f"{sorted(keys)}."
            )
        chosen = {"train": tuple(whole)}
    elif "train" not in images:
        raise ValueError(
            f"{name!r} has {sorted(of_roles.values())}, but no images to train on; name them "
            f'"x_train". It has {sorted(keys)}.'
        )
    else:
        chosen = {
            split: (of_roles[split, "images"], of_roles.get((split, "labels")))
            for split in SPLITS
            if split in images
        }
    unused = sorted(set(keys) - {key for pair in chosen.values() for key in pair})
    if unused:
        logging.warning(
            '%s: not used are the keys %s; splits are "x_train", "x_validation" and "x_test", '
            'their labels "y_train", ...',
            name,
            unused,
        )
    return chosen


def _role(key):
    """(split, "images" or "labels") of a key such as "X_train", "y_val" or "test_images"."""
    words = key.split("_")
    if len(words) != 2:
        return None
    for split, kind in (words, words[::-1]):
        for known, names in _KINDS.items():
            if split_of(split) and kind.lower() in names:
                return split_of(split), known
    return None


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
    if labels.max() >= _MOST_CLASSES:
        raise ValueError(
            f"{name!r}: the labels of {key} reach {labels.max()}; the number of classes has to fit "
            f"in 32 bits, so that they are below {_MOST_CLASSES}. Number the classes from 0 on."
        )
    return labels.astype(np.int32)


def _levels(name, levels, largest):
    if levels is None:
        return 256 if largest >= 128 else max(2, largest + 1)
    if not is_integer(levels, 2) or levels > 256:
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
