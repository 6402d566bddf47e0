"""Folders of images with binary masks: the mask is modelled, the image is its condition."""

import pathlib

import numpy as np

from glf.core.files import expanded
from glf.data import store
from glf.data.files import EXTENSIONS, image_size, read_image
from glf.data.folder import attempt_all, find, split_by_hash, split_folders, stamp
from glf.data.geometry import Geometry
from glf.data.source import SPLITS, Source, Split, Table, complete_splits

_NAMED = 5  # how many files a message names


def load_pairs_source(
    path,
    geometry=None,
    validation_examples=None,
    memory_budget=store.MEMORY_BUDGET,
    cache_dir=None,
):
    """A folder with "images" and "masks" below it, holding files of the same names.

    images/a/7.jpg goes with masks/a/7.png: what counts is the path without its extension. Masks
    are thresholded: from the middle grey, 128, on a pixel is 1. What is modelled is the mask,
    [h, w, 1] with 2 levels; its condition is the image, [h, w, 3 or 1] with 256. Both go through
    the same geometry, masks without interpolation.

    Splits: as for folders of images (`load_folder_source`), by folders "train" and "test" or
    "validation" within "images", or else by the SHA-256 of the names.

    Args:
      path: the folder.
      geometry: a `Geometry`; its size may be left out if all images have one. Channels: 3 unless
        it says 1.
      validation_examples: how many to cut for validation.
      memory_budget: bytes the decoded images may take in memory, and the masks as well.
      cache_dir: where they are kept beyond it.

    Raises:
      ValueError: if one of the folders is missing or empty; if an image or a mask has no partner,
        more than one, or one of another size; if a file cannot be read; if sizes differ and no
        image_size is given, or an image is smaller than the crop; if no mask has any foreground.
    """
    name = f"pairs:{path}"
    root = expanded(path)
    if not root.exists():
        raise ValueError(
            f'There is no folder {str(root)!r}; make_dataset.source = "pairs:FOLDER" names one '
            "that holds images/ and masks/."
        )
    found = {kind: _by_name(name, root / kind) for kind in ("images", "masks")}
    _check_partners(name, found)
    names = sorted(found["images"])
    files = {kind: [f"{kind}/{found[kind][n]}" for n in names] for kind in found}
    geometry = geometry or Geometry()
    size = _size(name, root, files, geometry)
    shapes = {"images": (*size, geometry.channels or 3), "masks": (*size, 1)}

    def collect(kind):
        shape = shapes[kind]
        own = Geometry(geometry.crop, geometry.size, shape[2])
        return store.collect(
            f"{name} {kind}",
            lambda: _decoded(name, root, files[kind], own, binary=kind == "masks"),
            len(names),
            shape,
            [str(root.resolve()), kind, repr(own), [stamp(root, file) for file in files[kind]]],
            memory_budget,
            cache_dir,
        )[0]

    images, masks = collect("images"), collect("masks")
    if not masks.any():
        raise ValueError(
            f"All masks of {name!r} are background: their values are below 128. Give masks whose "
            "foreground is bright, 255 at best."
        )
    table = Table("pairs", len(names), lambda: (masks, None, images))
    in_images = [found["images"][n] for n in names]
    parts = split_folders(root / "images", in_images)
    if parts is None:
        chosen = split_by_hash(name, names, validation_examples, "pairs")
        splits = {split: Split.whole(table).take(rows) for split, rows in chosen.items()}
    else:
        splits = {s: Split(table, np.flatnonzero(np.array(parts) == s)) for s in SPLITS}
        splits = complete_splits(name, splits, validation_examples)
    return Source(
        name,
        shapes["masks"],
        2,
        None,
        splits,
        condition_shape=shapes["images"],
        condition_levels=256,
    )


def _by_name(name, folder):
    """{path without extension: path} of the images below a folder."""
    named = {}
    for file in find(folder, EXTENSIONS, "images"):
        stem = pathlib.PurePosixPath(file).with_suffix("").as_posix()
        if stem in named:
            raise ValueError(
                f"{name!r}: {folder.name} has both {named[stem]} and {file}, so that it is not "
                "clear which of them is the partner; move one away."
            )
        named[stem] = file
    return named


def _check_partners(name, found):
    images, masks = (set(found[kind]) for kind in ("images", "masks"))
    for kind, other, alone in (
        ("images", "masks", images - masks),
        ("masks", "images", masks - images),
    ):
        if alone:
            shown = ", ".join(found[kind][n] for n in sorted(alone)[:_NAMED])
            more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
            raise ValueError(
                f"{name!r}: {len(alone)} files in {kind} have no partner in {other}: "
                f"{shown}{more}. Partners have equal names up to their extension."
            )


def _size(name, root, files, geometry):
    """The (height, width) that all come out with."""
    sizes = {kind: _read_all(name, image_size, root, files[kind]) for kind in files}
    for image, mask, of_image, of_mask in zip(
        files["images"], files["masks"], sizes["images"], sizes["masks"], strict=True
    ):
        if of_image != of_mask:
            raise ValueError(
                f"{name!r}: {image} has {of_image[0]}x{of_image[1]} pixels, but its mask {mask} "
                f"has {of_mask[0]}x{of_mask[1]}; bring them to one size."
            )
    target = geometry.size or geometry.crop
    different = sorted(set(sizes["images"]))
    if target is None and len(different) > 1:
        (a, b), (c, d) = different[:2]
        raise ValueError(
            f"The images of {name!r} differ in size ({a}x{b}, {c}x{d}); give image_size to bring "
            "them to one."
        )
    return target or different[0]


def _read_all(name, function, root, files):
    broken = {}
    read = attempt_all(function, root, files, broken)
    if broken:
        shown = "; ".join(f"{file} ({broken[file]})" for file in sorted(broken)[:_NAMED])
        raise ValueError(f"{len(broken)} files of {name!r} cannot be read: {shown}.")
    return read


def _decoded(name, root, files, geometry, binary):
    """Batches of (images or masks, indices into files), in order."""
    for start in range(0, len(files), 256):
        chunk = files[start : start + 256]
        images = np.stack(
            _read_all(name, lambda path: read_image(path, geometry, nearest=binary), root, chunk)
        )
        yield (images >> 7 if binary else images), np.arange(start, start + len(chunk))
