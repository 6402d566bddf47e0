"""Coins: values of two levels."""

import tensorflow as tf

from glf.core import random
from glf.families.base import Family, HasDistance


class Bernoulli(HasDistance, Family):
    """P(x = 1) = s(l) with the logistic function s, and x = 1 where l + temperature n > 0.

      log P(x) = x log s(l) + (1 - x) log s(-l),   n standard logistic noise.

    For x between 0 and 1 the distance -log P is a cross-entropy only, whose least value is the
    entropy of x and not 0.

    Raises:
      ValueError: for data of more than 2 levels.
    """

    integers = True

    def __init__(self, channels, levels=2, *, dtype="float32"):
        super().__init__(channels, levels, dtype=dtype)
        if levels != 2:
            raise ValueError(f"Bernoulli is of data of 2 levels, got {levels}.")

    def distance(self, parameters, x):
        """-log P, without overflow for any logit; x in [0, 1]."""
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=parameters)[..., 0]

    def mean(self, parameters):
        """P(x = 1)."""
        return tf.sigmoid(parameters)

    def _noise(self, shape_of, seed):
        return random.logistic(shape_of(1), seed, self.dtype)

    def _decide(self, parameters, noise, temperature, known):
        return tf.cast(parameters + temperature * noise > 0, tf.int32)
