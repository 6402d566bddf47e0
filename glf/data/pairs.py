"""Folders of images with binary masks: the mask is modelled, the image is its condition."""

import numpy as np

from glf.data import content
from glf.data.files import Conversions, image_size, read_image
from glf.data.geometry import Geometry, pair_of_sides
from glf.data.listing import attempt_all, shown, stamp
from glf.data.masks import read_mask, warn_of_greys
from glf.data.pair_files import FIELDS, find_more, find_pairs
from glf.data.patches import Patches
from glf.data.source import Source, Split, Table
from glf.data.split_names import split_folders, splits_of_files

_NAMED = 5  # how many files a message names


def load_pairs_source(path, /, *, geometry, store, validation_examples=None, patch_size=None):
    """A folder with "images" and "masks" below it, holding files of the same names.

    images/a/7.jpg goes with masks/a/7.png: what counts is the path without its extension. Masks
    are thresholded: from the middle grey, 128, on a pixel is 1; a warning says how many have other
    values than black and white. What is modelled is the mask, [h, w, 1] with 2 levels; its
    condition is the image, [h, w, 3 or 1] with 256. Both go through the same geometry, masks
    without interpolation.

    With `patch_size` examples are patches of whole images, see `glf.data.patches.Patches`: those of
    a grid to evaluate on; training goes through the images in random orders, and takes of each a
    window at a random place. Where there is a folder "field_of_view" with a mask for each image,
    only patches within it count.

    Splits: as for folders of images (`load_folder_source`), by folders "train" and "test" or
    "validation" within "images", or else by the SHA-256 of the names.

    Args:
      path: the folder.
      geometry: a `Geometry`; its size may be left out if all images have one. Channels: 3 unless
        it says 1.
      validation_examples: how many to cut for validation; of patches, images.
      store: a `Store`, for the images and for the masks.
      patch_size: the side of patches in pixels, or (height, width); None: whole images.

    Raises:
      ValueError: if one of the folders is missing or empty; if an image or a mask has no partner,
        more than one, or one of another size; if a file cannot be read; if sizes differ and no
        image_size is given, or an image is smaller than the crop; if no mask has any foreground,
        or the foreground of one is dark, so that the threshold would empty it; if a mask is
        transparent; if folders look like splits and are none, see `split_folders`; if patches are
        larger than the images, or the field of view is missing for some or has none of one.
    """
    name, patch = f"pairs:{path}", pair_of_sides("patch_size", patch_size)
    root, names, files = find_pairs(name, path)
    size = _size(name, root, files, geometry)
    shapes = {"images": (*size, geometry.channels or 3), "masks": (*size, 1), FIELDS: (*size, 1)}
    fields = None if patch is None else find_more(name, root, FIELDS, names)
    if fields is not None:
        files[FIELDS] = fields

    def collect(kind):
        shape = shapes[kind]
        own = Geometry(geometry.crop, geometry.size, shape[2])
        return store.collect(
            f"{name} {kind}",
            lambda: _decoded(name, root, files[kind], own, masks=kind != "images"),
            len(names),
            shape,
            [str(root.resolve()), kind, repr(own), [stamp(root, file) for file in files[kind]]]
            + ["each checked"] * (kind != "images"),
        )[0]

    images, masks = collect("images"), collect("masks")
    if not masks.any():
        raise ValueError(
            f"All masks of {name!r} are background, 0 throughout. Give masks whose foreground is "
            "bright, 255 at best."
        )
    table = Table("pairs", len(names), lambda: (masks, None, images))
    parts = split_folders(root / "images", [file.partition("/")[2] for file in files["images"]])
    splits = splits_of_files(name, table, names, parts, validation_examples, "pairs")
    windows = None
    if patch is not None:
        field = None if fields is None else collect(FIELDS)[..., 0] == 1
        windows, splits = _in_patches(name, masks, images, patch, field, splits)
    return Source(
        name,
        (*(patch or size), 1),
        2,
        None,
        splits,
        condition_shape=(*(patch or size), shapes["images"][2]),
        condition_levels=256,
        content=content.of_files(root, [file for kind in files.values() for file in kind]),
        windows=windows,
    )


def _in_patches(name, masks, images, patch, field, splits):
    """(`Patches`, splits of the grid's patches) of splits of whole images."""
    try:
        patches = Patches([masks, images], patch, field)
    except ValueError as error:
        raise ValueError(f"{name!r}: {error} Give another make_dataset.patch_size.") from None
    of_masks, of_images = patches.grid()
    label = f"pairs in patches of {patch[0]}x{patch[1]}"
    table = Table(label, len(patches), lambda: (of_masks, None, of_images))
    return patches, {s: Split(table, patches.rows_of(split.rows)) for s, split in splits.items()}


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
