"""Base densities with learned parameters."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.core import random
from glf.priors.base import BaseDensity


class DiagonalGaussian(BaseDensity):
    """p(z) = N(z; μ, diag(exp(2 s))), with learned μ and s, for events of any shape.

    It starts as the standard normal. Temperature scales the standard deviations.
    """

    def build(self, input_shape, condition_shape=None):
        """Makes μ = 0 and s = 0."""
        super().build(input_shape, condition_shape)
        self.loc = self.add_weight(name="loc", shape=self.event_shape, initializer="zeros")
        self.log_scale = self.add_weight(
            name="log_scale", shape=self.event_shape, initializer="zeros"
        )

    def distribution(self, condition=None):
        """Independent normals with the present parameters."""
        normal = tfd.Normal(self.loc.value, tf.exp(self.log_scale.value))
        return tfd.Independent(normal, len(self.event_shape))

    def _sample(self, num, seed, temperature, condition):
        """μ + temperature · exp(s) · ε; the mean at temperature 0."""
        noise = self.noise(random.normal, num, seed, "normal")
        scale = tf.cast(temperature, noise.dtype) * tf.exp(self.log_scale.value)
        return self.loc.value + scale * noise


class GaussianMixture(BaseDensity):
    """p(z) = Σ_k π_k N(z; μ_k, diag(exp(2 s_k))) on vectors, with learned π, μ and s.

    It starts with equal weights, unit variances and means drawn from N(0, 1).

    Args:
      num_components: number of components, at least 1.

    Raises:
      ValueError: for no component; in `build`, for events that are not vectors.
    """

    def __init__(self, num_components=10, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if num_components < 1:
            raise ValueError(f"GaussianMixture needs num_components >= 1, got {num_components}.")
        self.num_components = num_components

    def build(self, input_shape, condition_shape=None):
        """Makes the logits of π, the means and the log-scales."""
        super().build(input_shape, condition_shape)
        if len(self.event_shape) != 1:
            raise ValueError(
                f"GaussianMixture works on points of shape [batch, d], got {tuple(input_shape)}; "
                "flatten them first."
            )
        num = self.num_components
        self.logits = self.add_weight(name="logits", shape=(num,), initializer="zeros")
        self.loc = self.add_weight(
            name="loc",
            shape=(num, *self.event_shape),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.log_scale = self.add_weight(
            name="log_scale", shape=(num, *self.event_shape), initializer="zeros"
        )

    def distribution(self, condition=None):
        """The mixture with the present parameters."""
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=self.logits.value),
            tfd.MultivariateNormalDiag(self.loc.value, tf.exp(self.log_scale.value)),
        )

    def _sample(self, num, seed, temperature, condition):
        """A component by the Gumbel-max trick, then a point of it.

          k = argmax_k (log π_k + temperature · gumbel_k)     z = μ_k + temperature · exp(s_k) · ε

        At temperature 0 the mean of the component with the largest weight.
        """
        noise = self.noise(random.normal, num, seed, "normal")
        temperature = tf.cast(temperature, noise.dtype)
        gumbel = random.gumbel(
            tf.stack([num, self.num_components]), random.fold(seed, "gumbel"), noise.dtype
        )
        log_weights = tf.nn.log_softmax(self.logits.value)
        component = tf.argmax(log_weights + temperature * gumbel, axis=1)
        scale = temperature * tf.exp(tf.gather(self.log_scale.value, component))
        return tf.gather(self.loc.value, component) + scale * noise
