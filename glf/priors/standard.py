"""Base densities without parameters."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.core import random
from glf.priors.base import BaseDensity


class StandardNormal(BaseDensity):
    """p(z) = N(z; 0, I), for events of any shape. Temperature scales the standard deviation."""

    def distribution(self, condition=None):
        """Independent standard normals."""
        zeros = tf.zeros(self.event_shape, self.compute_dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones_like(zeros)), len(self.event_shape))

    def _sample(self, num, seed, temperature, condition):
        """temperature · ε; the mean, 0, at temperature 0."""
        noise = self.noise(random.normal, num, seed, "normal")
        return tf.cast(temperature, noise.dtype) * noise


class StandardLogistic(BaseDensity):
    """p(z) = Π_i σ(z_i) σ(-z_i), NICE's base density. Temperature scales z.

    Heavier tails than the normal: log p falls linearly.
    """

    def distribution(self, condition=None):
        """Independent standard logistics."""
        zeros = tf.zeros(self.event_shape, self.compute_dtype)
        return tfd.Independent(tfd.Logistic(zeros, tf.ones_like(zeros)), len(self.event_shape))

    def _sample(self, num, seed, temperature, condition):
        """temperature · log(v / (1 - v)), v uniform; the mean, 0, at temperature 0."""
        noise = self.noise(random.logistic, num, seed, "logistic")
        return tf.cast(temperature, noise.dtype) * noise
