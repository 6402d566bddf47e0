"""Folders of image files, of any size and kind."""

import concurrent.futures
import hashlib
import os
import pathlib

import numpy as np
from absl import logging

from glf.core.files import expanded
from glf.data import store
from glf.data.files import EXTENSIONS, image_size, read_image
from glf.data.geometry import Geometry
from glf.data.source import SPLITS, Source, Split, Table, complete_splits

_SPLIT_FOLDERS = {"train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "valid", "val"), "validation"
)
_NAMED = 5  # how many broken files a message names


def load_folder_source(
    path,
    geometry=None,
    labels=None,
    validation_examples=None,
    memory_budget=store.MEMORY_BUDGET,
    cache_dir=None,
):
    """All images below a folder: png, jpg, jpeg, bmp, webp, and the first frame of a gif.

    Images are turned as their EXIF orientation says, cut to the proportions of the target about
    their centre, and resized with antialiasing (`Geometry`). Alpha is laid over white; 16-bit
    grey keeps its upper 8 bits. Names that start with a dot are passed over.

    Splits: where all images lie in folders "train" and "validation" (or "val", "valid") or "test",
    these are the splits, completed by `complete_splits`. Elsewhere the images are ordered by the
    SHA-256 of their relative path; the first tenth, at most 5000, is the test split, and the next
    `validation_examples` (by default as many) the validation split, so that a folder that grows
    hardly moves an image from one split to another.

    Args:
      path: the folder.
      geometry: a `Geometry`; its size may be left out if all images have one. Channels: 3 unless
        it says 1.
      labels: None, or "subfolders" to take the first folder of an image's path (below the split's
        folder) as its class, classes in the order of their names.
      validation_examples: how many to cut for validation.
      memory_budget: bytes the decoded images may take in memory.
      cache_dir: where they are kept beyond it.

    Raises:
      ValueError: if the folder is missing, is a file or has no images; if half of the images or
        more cannot be read (fewer are left out, and named in a warning); if they differ in size
        and no image_size is given; if an image is smaller than the crop; if an image has no
        subfolder to be its class.
    """
    name = f"folder:{path}"
    if labels not in (None, "subfolders"):
        raise ValueError(f'labels is None or "subfolders", got {labels!r}.')
    root = expanded(path)
    files = find(root, EXTENSIONS, "images")
    parts = split_folders(root, files)
    classes = _classes(name, files, parts) if labels else None
    geometry = geometry or Geometry()
    geometry = Geometry(geometry.crop, geometry.size, geometry.channels or 3)
    broken = {}
    size = geometry.size or geometry.crop or common_size(name, root, files, broken)
    shape = (*size, geometry.channels)
    images, kept = store.collect(
        name,
        lambda: _decoded(root, files, geometry, broken),
        len(files),
        shape,
        [str(root.resolve()), repr(geometry), [stamp(root, file) for file in files]],
        memory_budget,
        cache_dir,
    )
    report_broken(name, files, kept, broken)
    kept_labels = None if classes is None else classes[1][kept]
    table = Table("folder", len(images), lambda: (images, kept_labels))
    if parts is None:
        chosen = split_by_hash(name, [files[i] for i in kept], validation_examples)
        splits = {split: Split.whole(table).take(rows) for split, rows in chosen.items()}
    else:
        kept_parts = np.array(parts)[kept]
        splits = {s: Split(table, np.flatnonzero(kept_parts == s)) for s in SPLITS}
        splits = complete_splits(name, splits, validation_examples)
    return Source(name, shape, 256, len(classes[0]) if classes else None, splits)


def find(root, extensions, what):
    """Relative paths of all files below `root` with one of the `extensions`, sorted.

    Raises:
      ValueError: if `root` is not there, is a file, or has no such files; `what` names them.
    """
    if not root.exists():
        raise ValueError(f"There is no folder {str(root)!r}.")
    if not root.is_dir():
        raise ValueError(
            f"{str(root)!r} is a file; a folder of {what} is wanted (array: reads .npy, .npz)."
        )
    found, seen = [], set()
    for folder, inner, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        inner[:] = [] if real in seen else [d for d in inner if not d.startswith(".")]
        if real in seen:  # a link back up
            continue
        seen.add(real)
        found += [
            pathlib.Path(folder, file).relative_to(root).as_posix()
            for file in names
            if not file.startswith(".") and file.lower().endswith(extensions)
        ]
    if not found:
        raise ValueError(
            f"There are no {what} in {str(root)!r} or below; looked for {', '.join(extensions)}."
        )
    return sorted(found)


def split_folders(root, files):
    """The split of each file by its first folder, or None where folders do not say it."""
    first = [file.split("/")[0] if "/" in file else None for file in files]
    parts = [_SPLIT_FOLDERS.get(folder) for folder in first]
    if "train" not in parts or len(set(parts) - {None}) < 2:
        return None
    if None in parts:
        raise ValueError(
            f"{str(root)!r} has folders for splits, but {files[parts.index(None)]!r} is in none of "
            "them; move it into train, validation or test."
        )
    return parts


def _classes(name, files, parts):
    """(names of the classes, class of each file)."""
    depth = 0 if parts is None else 1
    folders = [file.split("/")[depth:-1] for file in files]
    if [] in folders:
        raise ValueError(
            f'{name!r}: labels="subfolders" wants each image in the folder of its class, but '
            f"{files[folders.index([])]!r} is in none; move it, or leave labels out."
        )
    names = sorted({folder[0] for folder in folders})
    return names, np.array([names.index(folder[0]) for folder in folders], np.int32)


def common_size(name, root, files, broken):
    """The (height, width) all readable images share."""
    sizes = {}
    for file, size in zip(files, attempt_all(image_size, root, files, broken), strict=True):
        if size is not None:
            sizes.setdefault(size, file)
    if len(sizes) > 1:
        (a, first), (b, second) = list(sizes.items())[:2]
        raise ValueError(
            f"The images of {name!r} differ in size ({first}: {a[0]}x{a[1]}, {second}: "
            f"{b[0]}x{b[1]}); give image_size to bring them to one."
        )
    if not sizes:
        report_broken(name, files, [], broken)
    return next(iter(sizes))


def _decoded(root, files, geometry, broken):
    """Batches of (images, indices into files), in order."""
    for start in range(0, len(files), 256):
        chunk = files[start : start + 256]
        images = attempt_all(lambda path: read_image(path, geometry), root, chunk, broken)
        indices = [i for i, image in enumerate(images) if image is not None]
        if indices:
            yield np.stack([images[i] for i in indices]), start + np.array(indices)


def attempt_all(function, root, files, broken):
    """`function` of each file, in parallel; where it cannot be read None, and why in `broken`."""

    def attempt(file):
        try:
            return function(root / file)
        except OSError as error:
            broken[file] = str(error)
            return None

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(attempt, files))


def report_broken(name, files, kept, broken, what="images"):
    """Names the files that were left out, all but those at `kept`, in a warning.

    Raises:
      ValueError: if they are half of all or more.
    """
    readable = set(np.asarray(kept, np.int64).tolist())
    lost = [file for i, file in enumerate(files) if i not in readable]
    if not lost:
        return
    shown = "; ".join(f"{file} ({broken.get(file, 'unreadable')})" for file in lost[:_NAMED])
    shown += f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    if 2 * len(lost) >= len(files):
        raise ValueError(
            f"{len(lost)} of the {len(files)} {what} of {name!r} cannot be read: {shown}."
        )
    logging.warning("%s: left out %d unreadable %s: %s", name, len(lost), what, shown)


def stamp(root, file):
    """What changes when a file does."""
    try:
        stat = (root / file).stat()
    except OSError:  # a link to nowhere
        return (file,)
    return file, stat.st_size, stat.st_mtime_ns


def split_by_hash(name, files, validation_examples, what="images"):
    """{split: positions in `files`}, by the order of the SHA-256 of their names.

    The first tenth, at most 5000, is the test split; the next `validation_examples`, None for as
    many, the validation split.

    Raises:
      ValueError: if none are left to train on.
    """
    order = np.array(
        sorted(range(len(files)), key=lambda i: hashlib.sha256(files[i].encode()).digest()),
        np.int64,
    )
    count = min(5000, max(1, len(files) // 10))
    validation = count if validation_examples is None else validation_examples
    if count + validation >= len(files):
        raise ValueError(
            f"{name!r} has {len(files)} readable {what}, too few for {count} to test on, "
            f"{validation} to validate on and some to train on; add {what}"
            + ("." if validation_examples is None else ", or lower validation_examples.")
        )
    return {
        "train": order[count + validation :],
        "validation": order[count : count + validation],
        "test": order[:count],
    }
