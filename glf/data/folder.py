"""Folders of image files, of any size and kind."""

import numpy as np
from absl import logging

from glf.core.files import expanded
from glf.data import content
from glf.data.files import Conversions, image_size, read_image
from glf.data.geometry import Geometry
from glf.data.listing import IMAGES, attempt_all, find, report_broken, shown, shown_some, stamp
from glf.data.source import Source, Table
from glf.data.split_names import split_folders, split_of, splits_of_files

LABELS = ("auto", "subfolders", None)


def load_folder_source(path, /, *, geometry, store, labels="auto", validation_examples=None):
    """All images below a folder: PNG, JPEG, BMP, GIF, WebP, TIFF and PBM, PGM, PPM.

    Images are turned as their EXIF orientation says, cut to the proportions of the target about
    their centre, and resized with antialiasing (`Geometry`). Alpha is laid over white, of more
    than 8 bits the upper 8 are kept, of several frames or pages the first is taken; a warning says
    how often. Names that start with a dot are passed over.

    Splits: where all images lie in folders "train" and "validation" or "test", these are the
    splits, completed by `complete_splits`; other usual names in any case count as well, see
    `split_of`. Elsewhere the images are ordered by the SHA-256 of their relative path; the first
    tenth, at most 5000, is the test split, and the next `validation_examples` (by default as many)
    the validation split, so that a folder that grows hardly moves an image from one split to
    another.

    Args:
      path: the folder.
      geometry: a `Geometry`; its size may be left out if all images have one. Channels: 3 unless
        it says 1.
      labels: "subfolders" to take the first folder of an image's path (below the split's folder)
        as its class, classes in the order of their names; None for no labels; "auto" for the
        former where every image lies in such a folder, there are two of them at least, and those
        of other splits are among those of train.
      validation_examples: how many to cut for validation.
      store: a `Store`.

    Raises:
      ValueError: if the folder is missing, is a file or has no images; if half of the images or
        more cannot be read (fewer are left out, and named in a warning); if they differ in size
        and no image_size is given; if an image is smaller than the crop; if an image has no
        subfolder to be its class; if folders look like splits and are none, see `split_folders`;
        if images of more than 8 bits are black in the upper 8.
    """
    name = f"folder:{path}"
    if labels not in LABELS:
        raise ValueError(f'labels is None, "subfolders" or "auto", got {labels!r}.')
    root = expanded(path)
    files = find(root, IMAGES, "images")
    parts = split_folders(root, files)
    classes, of_files = _classes(name, files, parts, labels)
    geometry = Geometry(geometry.crop, geometry.size, geometry.channels or 3)
    broken = {}
    size = geometry.size or geometry.crop or common_size(name, root, files, broken)
    shape = (*size, geometry.channels)
    images, kept = store.collect(
        name,
        lambda: _decoded(name, root, files, geometry, broken),
        len(files),
        shape,
        [str(root.resolve()), repr(geometry), [stamp(root, file) for file in files]],
    )
    report_broken(name, files, kept, broken)
    kept_labels = None if classes is None else of_files[kept]
    table = Table("folder", len(images), lambda: (images, kept_labels))
    kept_parts = None if parts is None else [parts[i] for i in kept]
    kept_files = [files[i] for i in kept]
    splits = splits_of_files(name, table, kept_files, kept_parts, validation_examples)
    num_classes = len(classes) if classes else None
    of_all = content.of_files(root, files)
    return Source(name, shape, 256, num_classes, splits, content=of_all)


def _classes(name, files, parts, labels):
    """(names of the classes, int32 class of each file), or (None, None) without labels."""
    if labels is None:
        return None, None
    # Below the folder of a split, and where there is but one, for training, below that.
    folders = [file.split("/")[:-1] for file in files]
    tops = {path[0] if path else "" for path in folders}
    depth = int(parts is not None or (len(tops) == 1 and split_of(*tops) == "train"))
    of_files = [path[depth] if len(path) > depth else None for path in folders]
    names = sorted(set(of_files) - {None})
    if labels == "subfolders" and None in of_files:
        raise ValueError(
            f'{name!r}: labels="subfolders" wants each image in the folder of its class, but '
            f"{shown(files[of_files.index(None)])!r} is in none; move it, or leave labels out."
        )
    if labels == "auto" and (None in of_files or len(names) < 2):
        return None, None
    strange = []
    if parts is not None:
        trained = {c for c, part in zip(of_files, parts, strict=True) if part == "train"}
        strange = sorted(set(names) - trained)
    if strange:
        logging.warning(
            "%s: no training images are in folders %s%s",
            name,
            shown_some(strange),
            "; so folders are not taken as classes" if labels == "auto" else "",
        )
    if strange and labels == "auto":
        return None, None
    if labels == "auto":
        logging.info(
            "%s: the folders of the images are taken as %d classes: %s; "
            "make_dataset.labels = None takes none",
            name,
            len(names),
            shown_some(names),
        )
    numbers = {label: i for i, label in enumerate(names)}
    return names, np.array([numbers[label] for label in of_files], np.int32)


def common_size(name, root, files, broken):
    """The (height, width) all readable images share."""
    sizes = {}
    for file, size in zip(files, attempt_all(image_size, root, files, broken), strict=True):
        if size is not None:
            sizes.setdefault(size, file)
    if len(sizes) > 1:
        (a, first), (b, second) = list(sizes.items())[:2]
        raise ValueError(
            f"The images of {name!r} differ in size ({shown(first)}: {a[0]}x{a[1]}, "
            f"{shown(second)}: {b[0]}x{b[1]}); give image_size to bring them to one."
        )
    if not sizes:
        report_broken(name, files, [], broken)
    return next(iter(sizes))


def _decoded(name, root, files, geometry, broken):
    """Batches of (images, indices into files), in order."""
    conversions = Conversions()
    for start in range(0, len(files), 256):
        chunk = files[start : start + 256]
        images = attempt_all(
            lambda path: read_image(path, geometry, conversions=conversions), root, chunk, broken
        )
        indices = [i for i, image in enumerate(images) if image is not None]
        if indices:
            yield np.stack([images[i] for i in indices]), start + np.array(indices)
    conversions.warn(name)
