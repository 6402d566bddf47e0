"""Integers to bits: by threshold, or by a Bernoulli draw with probability x / (levels - 1)."""

import numpy as np

from glf.data import noise

BINARIZATIONS = (None, "threshold", "dynamic", "fixed")


def threshold(images, levels):
    """1 where x / (levels - 1) > 1/2, else 0; uint8 of the same shape."""
    return (2 * images.astype(np.int32) > levels - 1).astype(np.uint8)


def bernoulli(images, levels, key, positions):
    """Draws each value as 1 with probability x / (levels - 1).

    Image i is a pure function of (images[i], key, positions[i]). With u uniform on the integers
    below 2^32 the value is 1 when u (levels - 1) < 2^32 x: compared as integers, so 0 stays 0 and
    levels - 1 becomes 1 without exception.

    Args:
      images: uint8 [n, h, w, c] in {0..levels-1}.
      levels: the number of levels, at least 2.
      key: Philox key, from `noise.philox_key`.
      positions: integers [n].
    """
    words = noise.random_words(key, positions, int(np.prod(images.shape[1:])))
    below = words.astype(np.uint64) * np.uint64(levels - 1)
    return (
        (below < images.reshape(words.shape).astype(np.uint64) << np.uint64(32))
        .astype(np.uint8)
        .reshape(images.shape)
    )
