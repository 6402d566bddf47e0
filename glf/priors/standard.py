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

    def sample(self, num, seed, temperature=1.0, condition=None):
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

    def sample(self, num, seed, temperature=1.0, condition=None):
        """temperature · log(v / (1 - v)), v uniform; the mean, 0, at temperature 0."""
        v = self.noise(random.uniform, num, seed, "logistic")
        # Uniform numbers lie on the grid k ε with 0 <= k < 1/ε. Half a step to the right they are
        # symmetric around 1/2 and never 0 or 1, where the logit is infinite.
        epsilon = {tf.float32: 2.0**-23, tf.float64: 2.0**-52}[v.dtype]
        v += epsilon / 2
        return tf.cast(temperature, v.dtype) * (tf.math.log(v) - tf.math.log1p(-v))
