"""Binary masks from image files."""

import dataclasses

import numpy as np
from absl import logging

from glf.data.files import ALPHA, DEEP, Conversions, read_pixels
from glf.data.geometry import Geometry
from glf.data.listing import shown

_WHITE, _HALF = 255, 128


def read_mask(path, geometry, greys):
    """The mask at `path` through `geometry`: uint8 [h, w, 1], 1 from the middle grey, 128, on.

    Colours are taken by their luminance.

    Args:
      path: the file.
      geometry: a `Geometry`; nothing is interpolated.
      greys: a dictionary that is told {path: values} of masks with others than 0 and 255.

    Raises:
      OSError: if the file cannot be read as an image.
      ValueError: if it has a foreground, but none of 128 or more; if it is transparent; if it is
        smaller than the crop.
    """
    conversions = Conversions()
    pixels = Geometry(channels=1).apply(read_pixels(path, conversions))
    if conversions.values(ALPHA):
        raise ValueError(
            f"The mask {shown(path)!r} has transparent pixels, which are neither foreground nor "
            "background; save it without transparency, its foreground as 255 and the rest as 0."
        )
    # Of more than 8 bits the lowest may hold what the upper do not show.
    marked = pixels.any() or any(share > 0 for share in conversions.values(DEEP))
    if marked and pixels.max() < _HALF:
        raise ValueError(
            f"The mask {shown(path)!r} has values of at most {pixels.max()} in 255, and would be "
            f"empty: from {_HALF} on a pixel is foreground. Save its foreground as white, 255."
        )
    values = np.flatnonzero(np.bincount(pixels.ravel(), minlength=256)[1:_WHITE]) + 1
    if len(values):
        greys[path] = values
    geometry = dataclasses.replace(geometry, channels=1)
    return (geometry.apply(pixels, name=str(path), nearest=True) >= _HALF).astype(np.uint8)


def warn_of_greys(name, greys, count):
    """Says which of the `count` masks have values that are thresholded, from `read_mask`."""
    if not greys:
        return
    path = min(greys)
    some = ", ".join(str(value) for value in greys[path][:5])
    logging.warning(
        "%s: %d of %d masks have other values than 0 and 255 (%s: %s%s); from %d on they are "
        "foreground",
        name,
        len(greys),
        count,
        shown(path),
        some,
        ", ..." if len(greys[path]) > 5 else "",
        _HALF,
    )
