"""Random shifts of images by whole pixels."""

import numpy as np

from glf.data import noise


def translation_limits(max_translation, image_shape):
    """The most pixels an image moves along (height, width), of a fraction of each or of pixels.

    Args:
      max_translation: a float in (0, 1), a fraction f of each side: floor(f * side) pixels; or an
        integer, at least 1.
      image_shape: (height, width, channels).

    Raises:
      ValueError: if it is neither, moves nothing, or is not less than a side.
    """
    sides = image_shape[:2]
    known = isinstance(max_translation, int | float | np.integer | np.floating)
    if not known or isinstance(max_translation, bool) or not max_translation > 0:
        known = False
    elif isinstance(max_translation, float | np.floating):
        known = max_translation < 1
    if not known:
        raise ValueError(
            "max_translation is a fraction of each side, a float above 0 and below 1, or a number "
            f"of pixels, an integer of at least 1, or None; got {max_translation!r}."
        )
    if max_translation < 1:
        limits = tuple(int(max_translation * side + 1e-9) for side in sides)
    else:
        limits = (int(max_translation),) * 2
    if not any(limits) or any(limit >= side for limit, side in zip(limits, sides, strict=True)):
        raise ValueError(
            f"max_translation={max_translation!r} moves images of {sides[0]}x{sides[1]} by up to "
            f"{limits[0]} and {limits[1]} pixels; it has to be 1 at least and less than a side."
        )
    return limits


def translated(images, limits, key, positions):
    """Each image moved by whole pixels, what comes in repeating the edge.

    Image i moves by (dy, dx), independent and uniform on {-limit, ..., limit}, a pure function of
    (key, positions[i]): pixel (r, c) becomes the one at (r - dy, c - dx), brought into the image.

    Args:
      images: a list of arrays [n, height, width, channels] that move alike.
      limits: the most pixels along (height, width), less than either.
      key: Philox key, from `noise.philox_key`.
      positions: integers [n].
    """
    words = noise.random_words(key, positions, 2).astype(np.uint64)
    spans = 2 * np.array(limits, np.uint64) + np.uint64(1)
    moves = (words * spans >> np.uint64(32)).astype(np.int64) - np.array(limits)
    rows = np.arange(len(positions))[:, None, None]

    def moved(image):
        at = [
            np.clip(np.arange(side) - moves[:, axis, None], 0, side - 1)
            for axis, side in enumerate(image.shape[1:3])
        ]
        return image[rows, at[0][:, :, None], at[1][:, None, :]]

    return [moved(image) for image in images]
