"""Laplace distributions of one scale whose means a network gives."""

import math

import tensorflow as tf

from glf.core import random
from glf.families.base import Family, HasDistance


class FixedLaplace(HasDistance, Family):
    """exp(-|x - μ| / scale) / (2 scale), with the distance |x - μ| / scale.

    Args:
      channels: see `Family`.
      levels: see `Family`.
      scale: of every value, above 0; the standard deviation is √2 of it.
      dtype: see `Family`.

    Raises:
      ValueError: for a scale that is not positive.
    """

    def __init__(self, channels, levels=None, *, scale=1.0, dtype="float32"):
        super().__init__(channels, levels, dtype=dtype)
        if not 0 < scale < math.inf:
            raise ValueError(f"FixedLaplace.scale must be positive, got {scale}.")
        self.scale = scale
        self.log_normaliser = math.log(2 * scale)

    def distance(self, parameters, x):
        """|x - μ| / scale."""
        return tf.abs(parameters - x)[..., 0] / self.scale

    def mean(self, parameters):
        """μ."""
        return parameters

    def _noise(self, shape_of, seed):
        """Of a uniform v the quantile: -sign(2v - 1) log(1 - |2v - 1|)."""
        v = 2.0 * tf.cast(random.open_uniform(shape_of(1), seed, self.dtype), tf.float64) - 1.0
        return tf.cast(-tf.sign(v) * tf.math.log1p(-tf.abs(v)), self.dtype)

    def _decide(self, parameters, noise, temperature, known):
        return parameters + temperature * self.scale * noise
