"""Gaussians of one variance whose means a network gives."""

import math

import tensorflow as tf

from glf.core import random
from glf.families.base import Family, HasDistance


class FixedGaussian(HasDistance, Family):
    """N(x; μ, variance), with the distance (x - μ)² / (2 variance).

    Args:
      channels: see `Family`.
      levels: see `Family`.
      variance: of every value, above 0.
      dtype: see `Family`.

    Raises:
      ValueError: for a variance that is not positive.
    """

    def __init__(self, channels, levels=None, *, variance=1.0, dtype="float32"):
        super().__init__(channels, levels, dtype=dtype)
        if not 0 < variance < math.inf:
            raise ValueError(f"FixedGaussian.variance must be positive, got {variance}.")
        self.variance = variance
        self.log_normaliser = 0.5 * math.log(2 * math.pi * variance)

    def distance(self, parameters, x):
        """(x - μ)² / (2 variance)."""
        return tf.math.squared_difference(parameters, x)[..., 0] / (2 * self.variance)

    def mean(self, parameters):
        """μ."""
        return parameters

    def _noise(self, shape_of, seed):
        return random.normal(shape_of(1), seed, self.dtype)

    def _decide(self, parameters, noise, temperature, known):
        return parameters + temperature * math.sqrt(self.variance) * noise
