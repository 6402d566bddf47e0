"""Images turned about their centre, each by an angle of its own."""

import numpy as np

from glf.data import noise


def rotated(images, key, positions):
    """Each image turned about its centre, bilinear between pixels, the edge repeated.

    The angle of image i is uniform on 2^32 steps of a full turn and a pure function of (key,
    positions[i]); its values are rounded to the nearest integer, and so stay within their levels.

    Args:
      images: uint8 [n, height, width, channels].
      key: Philox key, from `noise.philox_key`.
      positions: integers [n].
    """
    angles = noise.random_words(key, positions, 1)[:, 0] * (2 * np.pi / 2**32)
    height, width = images.shape[1:3]
    y = (np.arange(height) - (height - 1) / 2)[None, :, None]
    x = (np.arange(width) - (width - 1) / 2)[None, None, :]
    cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    # Where each pixel comes from.
    from_y = np.clip(cosine * y - sine * x + (height - 1) / 2, 0, height - 1)
    from_x = np.clip(sine * y + cosine * x + (width - 1) / 2, 0, width - 1)
    top, left = from_y.astype(np.int64), from_x.astype(np.int64)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, along = (from_y - top)[..., None], (from_x - left)[..., None]
    n = np.arange(len(images))[:, None, None]
    upper = images[n, top, left] * (1 - along) + images[n, top, right] * along
    lower = images[n, below, left] * (1 - along) + images[n, below, right] * along
    return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
