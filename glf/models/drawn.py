"""Samples, and how far they were from data before they were made into it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from glf.core.checks import ensured


class Drawn(NamedTuple):
    """Samples of a model, with what had to be done to make data of them.

    Attributes:
      x: the samples, uint8 [num, height, width, channels], or float32 [num, d] of points.
      outside: float32 [num], the share of each one's values that lay outside of the data's range
        or on its edge, where a bijector that ends in a bounded interval puts them: in `x` they are
        the nearest level. 0 where that cannot be.
      not_finite: float32 [num], the share of values that were no finite numbers: 0 in `x`.
    """

    x: tf.Tensor
    outside: tf.Tensor
    not_finite: tf.Tensor

    def finite(self):
        """The same, if every value was finite.

        Raises:
          ValueError: if one was not; an assertion in a graph.
        """
        if tf.executing_eagerly() and not np.any(self.not_finite):
            return self  # in a fraction of the time
        bad = tf.reduce_sum(tf.cast(self.not_finite > 0, tf.int32))
        message = (
            "Images are made of finite numbers, but the model gives others: its weights are not "
            "finite, or too large for the noise at this temperature. Take an earlier checkpoint, "
            "or a lower temperature. Images with values that are not finite:"
        )
        x = ensured(self.x, bad == 0, message, bad, "of", tf.shape(self.x)[0])
        return self._replace(x=x)

    def shares(self):
        """(share of values outside the range, share of values that are not finite), floats."""
        return float(tf.reduce_mean(self.outside)), float(tf.reduce_mean(self.not_finite))

    def describe(self):
        """The shares in a sentence."""
        outside, not_finite = self.shares()
        text = (
            f"{_percent(outside)} of their values lay outside the data's range or on its edge and "
            "were set to the nearest level"
        )
        if not_finite:
            text += f"; {_percent(not_finite)} were not finite numbers and were set to 0"
        return text


def drawn_images(y, levels, rounded=True, edges=False):
    """Images y, floats in [0, 1], as `Drawn` integers in {0, ..., levels - 1}.

    Args:
      y: [num, height, width, channels].
      levels: of the data.
      rounded: whether x is the level nearest to (levels - 1) y; otherwise it is the one that y lies
        in, floor(levels y).
      edges: whether values of exactly 0 and 1 count as outside, too.
    """
    finite = tf.math.is_finite(y)
    y = tf.where(finite, y, tf.zeros_like(y))
    inside = (y > 0) & (y < 1) if edges else (y >= 0) & (y <= 1)
    # Limited while they are floats: no integer holds what a flow may give.
    if rounded:
        x = tf.round(tf.clip_by_value(y, 0.0, 1.0) * (levels - 1))
    else:
        x = tf.clip_by_value(tf.floor(y * levels), 0, levels - 1)
    return Drawn(tf.cast(x, tf.uint8), _share(finite & ~inside), _share(~finite))


def drawn_points(x):
    """Points as `Drawn`: there is no range that they could leave."""
    return Drawn(x, tf.zeros(tf.shape(x)[:1]), _share(~tf.math.is_finite(x)))


def drawn_integers(x):
    """Integers of a model that gives nothing but the data's levels, as `Drawn`."""
    none = tf.zeros(tf.shape(x)[:1])
    return Drawn(tf.cast(x, tf.uint8), none, none)


def drawn_any_integers(x, levels):
    """Integers of any size, held in floats [num, height, width, channels], as `Drawn`."""
    finite = tf.math.is_finite(x)
    x = tf.where(finite, x, tf.zeros_like(x))
    nearest = tf.clip_by_value(x, 0, levels - 1)
    return Drawn(tf.cast(nearest, tf.uint8), _share(nearest != x), _share(~finite))


def _share(holds):
    """The share of each row where something holds, float32 [rows]."""
    rows = tf.reshape(tf.cast(holds, tf.float32), (tf.shape(holds)[0], -1))
    return tf.reduce_mean(rows, 1)


def _percent(share):
    return f"{100 * share:.3g} %"
