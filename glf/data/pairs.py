"""Folders of images with binary masks: the mask is modelled, the image is its condition."""

import pathlib

import numpy as np

from glf.core.files import expanded
from glf.data import content
from glf.data.files import Conversions, image_size, read_image
from glf.data.geometry import Geometry
from glf.data.listing import IMAGES, attempt_all, find, shown, shown_some, stamp
from glf.data.masks import read_mask, warn_of_greys
from glf.data.source import Source, Table
from glf.data.split_names import split_folders, splits_of_files

_NAMED = 5  # how many files a message names


def load_pairs_source(path, /, *, geometry, store, validation_examples=None):
    """A folder with "images" and "masks" below it, holding files of the same names.

    images/a/7.jpg goes with masks/a/7.png: what counts is the path without its extension. Masks
    are thresholded: from the middle grey, 128, on a pixel is 1; a warning says how many have other
    values than black and white. What is modelled is the mask, [h, w, 1] with 2 levels; its
    condition is the image, [h, w, 3 or 1] with 256. Both go through the same geometry, masks
    without interpolation.

    Splits: as for folders of images (`load_folder_source`), by folders "train" and "test" or
    "validation" within "images", or else by the SHA-256 of the names.

    Args:
      path: the folder.
      geometry: a `Geometry`; its size may be left out if all images have one. Channels: 3 unless
        it says 1.
      validation_examples: how many to cut for validation.
      store: a `Store`, for the images and for the masks.

    Raises:
      ValueError: if one of the folders is missing or empty; if an image or a mask has no partner,
        more than one, or one of another size; if a file cannot be read; if sizes differ and no
        image_size is given, or an image is smaller than the crop; if no mask has any foreground,
        or the foreground of one is dark, so that the threshold would empty it; if a mask is
        transparent; if folders look like splits and are none, see `split_folders`.
    """
    name = f"pairs:{path}"
    root = expanded(path)
    _check_folder(root)
    named = {kind: _by_name(name, root / kind) for kind in ("images", "masks")}
    _check_partners(name, named)
    names = sorted(named["images"])
    files = {kind: [f"{kind}/{named[kind][n]}" for n in names] for kind in named}
    size = _size(name, root, files, geometry)
    shapes = {"images": (*size, geometry.channels or 3), "masks": (*size, 1)}

    def collect(kind):
        shape = shapes[kind]
        own = Geometry(geometry.crop, geometry.size, shape[2])
        return store.collect(
            f"{name} {kind}",
            lambda: _decoded(name, root, files[kind], own, masks=kind == "masks"),
            len(names),
            shape,
            [str(root.resolve()), kind, repr(own), [stamp(root, file) for file in files[kind]]]
            + ["each checked"] * (kind == "masks"),
        )[0]

    images, masks = collect("images"), collect("masks")
    if not masks.any():
        raise ValueError(
            f"All masks of {name!r} are background, 0 throughout. Give masks whose foreground is "
            "bright, 255 at best."
        )
    table = Table("pairs", len(names), lambda: (masks, None, images))
    parts = split_folders(root / "images", [named["images"][n] for n in names])
    splits = splits_of_files(name, table, names, parts, validation_examples, "pairs")
    return Source(
        name,
        shapes["masks"],
        2,
        None,
        splits,
        condition_shape=shapes["images"],
        condition_levels=256,
        content=content.of_files(root, [*files["images"], *files["masks"]]),
    )


def _check_folder(root):
    if not root.exists():
        raise ValueError(
            f'There is no folder {str(root)!r}; make_dataset.source = "pairs:FOLDER" names one '
            "that holds images/ and masks/."
        )
    inside = [path.parent.name for path in sorted(root.glob("*/images"))]
    if inside and not (root / "images").exists():
        raise ValueError(
            f"{str(root)!r} has folders images inside of {shown_some(inside)}; it is to have "
            "images/ and masks/ themselves, with a folder for each split inside of them: "
            "images/train, masks/train, images/test, masks/test."
        )


def _by_name(name, folder):
    """{path without extension: path} of the images below a folder."""
    named = {}
    for file in find(folder, IMAGES, "images"):
        stem = pathlib.PurePosixPath(file).with_suffix("").as_posix()
        if stem in named:
            raise ValueError(
                f"{name!r}: {folder.name} has both {shown(named[stem])} and {shown(file)}, so that "
                "it is not clear which of them is the partner; move one away."
            )
        named[stem] = file
    return named


def _check_partners(name, named):
    images, masks = (set(named[kind]) for kind in ("images", "masks"))
    for kind, other, alone in (
        ("images", "masks", images - masks),
        ("masks", "images", masks - images),
    ):
        if alone:
            files = shown_some([named[kind][n] for n in sorted(alone)])
            raise ValueError(
                f"{name!r}: {len(alone)} files in {kind} have no partner in {other}: {files}. "
                "Partners have equal names up to their extension."
            )


def _size(name, root, files, geometry):
    """The (height, width) that all come out with."""
    sizes = {kind: _read_all(name, image_size, root, files[kind]) for kind in files}
    for image, mask, of_image, of_mask in zip(
        files["images"], files["masks"], sizes["images"], sizes["masks"], strict=True
    ):
        if of_image != of_mask:
            raise ValueError(
                f"{name!r}: {shown(image)} has {of_image[0]}x{of_image[1]} pixels, but its mask "
                f"{shown(mask)} has {of_mask[0]}x{of_mask[1]}; bring them to one size."
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
        reasons = "; ".join(f"{shown(file)} ({broken[file]})" for file in sorted(broken)[:_NAMED])
        raise ValueError(f"{len(broken)} files of {name!r} cannot be read: {reasons}.")
    return read


def _decoded(name, root, files, geometry, masks):
    """Batches of (images or masks, indices into files), in order."""
    conversions, greys = Conversions(), {}

    def read(path):
        if masks:
            return read_mask(path, geometry, greys)
        return read_image(path, geometry, conversions=conversions)

    for start in range(0, len(files), 256):
        chunk = files[start : start + 256]
        yield np.stack(_read_all(name, read, root, chunk)), np.arange(start, start + len(chunk))
    conversions.warn(name)
    warn_of_greys(name, greys, len(files))
