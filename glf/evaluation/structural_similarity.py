"""Structural similarity (SSIM) of images."""

import numpy as np
import tensorflow as tf

LARGEST_WINDOW = 11
# A window of one pixel has no variance: SSIM would compare brightness alone.
SMALLEST_WINDOW = 3


def structural_similarity(y, other):
    """SSIM of images in [0, 1], [batch]: equation 13 of Wang et al. 2004, IEEE TIP 13(4).

    In Gaussian windows of 11 x 11 with deviation 1.5, as in the paper, or of the largest odd side
    that fits images smaller than that (`window_side`); the mean over windows that lie inside, and
    over channels.

    Args:
      y: images in [0, 1], [batch, height, width, channels].
      other: the same shape and scale.
    """
    similarity = tf.image.ssim(
        tf.cast(y, tf.float32),
        tf.cast(other, tf.float32),
        max_val=1.0,
        filter_size=window_side(np.shape(y)[1:3]),
        filter_sigma=1.5,
    )
    return similarity.numpy()


def window_side(size):
    """The side of the windows in images of `size` (height, width): odd, 11 at most."""
    side = min(LARGEST_WINDOW, *size)
    return side if side % 2 else side - 1
