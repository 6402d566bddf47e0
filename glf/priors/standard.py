"""Base densities without parameters."""

import tensorflow as tf

from glf.core import random
from glf.priors.base import BaseDensity, summed, summed_normal


class StandardNormal(BaseDensity):
    """p(z) = N(z; 0, I), for events of any shape. Temperature scales the standard deviation."""

    def distribution(self, condition=None):
        """Independent standard normals."""
        from tensorflow_probability import distributions as tfd  # slow to import

        zeros = tf.zeros(self.event_shape, self.compute_dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones_like(zeros)), len(self.event_shape))

    def log_prob(self, z, condition=None, training=False):
        """Returns Σ_i -z_i² / 2 - log(2π) / 2, shape [batch]."""
        return summed_normal(tf.cast(z, self.compute_dtype))

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
        from tensorflow_probability import distributions as tfd  # slow to import

        zeros = tf.zeros(self.event_shape, self.compute_dtype)
        return tfd.Independent(tfd.Logistic(zeros, tf.ones_like(zeros)), len(self.event_shape))

    def log_prob(self, z, condition=None, training=False):
        """Returns Σ_i -z_i - 2 softplus(-z_i), shape [batch]."""
        z = tf.cast(z, self.compute_dtype)
        return summed(-z - 2.0 * tf.nn.softplus(-z))

    def _sample(self, num, seed, temperature, condition):
        """temperature · log(v / (1 - v)), v uniform; the mean, 0, at temperature 0."""
        noise = self.noise(random.logistic, num, seed, "logistic")
        return tf.cast(temperature, noise.dtype) * noise
