"""Base densities with learned parameters."""

import math

import keras
import tensorflow as tf

from glf.core import random
from glf.priors.base import BaseDensity, summed_normal


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
        from tensorflow_probability import distributions as tfd  # slow to import

        normal = tfd.Normal(self.loc.value, tf.exp(self.log_scale.value))
        return tfd.Independent(normal, len(self.event_shape))

    def log_prob(self, z, condition=None, training=False):
        """Returns Σ_i -((z_i - μ_i) / exp(s_i))² / 2 - s_i - log(2π) / 2, shape [batch]."""
        z = tf.cast(z, self.compute_dtype)
        return summed_normal(z, self.loc.value, tf.exp(self.log_scale.value))

    def _sample(self, num, seed, temperature, condition):
        """μ + temperature · exp(s) · ε; the mean at temperature 0."""
        noise = self.noise(random.normal, num, seed, "normal")
        scale = tf.cast(temperature, noise.dtype) * tf.exp(self.log_scale.value)
        return self.loc.value + scale * noise


class GaussianMixture(BaseDensity):
    """p(z) = Σ_k π_k N(z; μ_k, diag(exp(2 s_k))) on vectors, with learned π, μ and s.

    With `full` covariances, and B_k = diag(exp(-s_k)) (I + R_k), R_k strictly lower triangular:

      p(z) = Σ_k π_k N(z; μ_k, (B_kᵀ B_k)⁻¹)

    It starts with equal weights, the same variances everywhere and means drawn from N(0, 1): as the
    base of a flow it lies where latents of unit variance do.

    Args:
      num_components: number of components, K, at least 1.
      full: whether covariances are full; otherwise they are diagonal.
      start: the standard deviation that all components start with, positive.

    Raises:
      ValueError: for no component or a deviation that is not positive; in `build`, for events that
        are not vectors.
    """

    def __init__(self, num_components=10, *, full=False, start=1.0, dtype="float32"):
        super().__init__(dtype=dtype)
        if num_components < 1 or not 0 < start < math.inf:
            raise ValueError(
                "GaussianMixture needs num_components >= 1 and a positive start, got "
                f"num_components={num_components}, start={start}."
            )
        self.num_components, self.full, self.start = num_components, full, start

    def build(self, input_shape, condition_shape=None):
        """Makes the logits of π, the means, the log-scales and R."""
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
            name="log_scale",
            shape=(num, *self.event_shape),
            initializer=keras.initializers.Constant(math.log(self.start)),
        )
        (size,) = self.event_shape
        self.lower = None
        if self.full and size > 1:
            # The numbers of R, below its diagonal.
            shape = (num, size * (size - 1) // 2)
            self.lower = self.add_weight(name="lower", shape=shape, initializer="zeros")

    def distribution(self, condition=None):
        """The mixture with the present parameters."""
        from tensorflow_probability import distributions as tfd  # slow to import

        if self.full:
            scale = self._scale()
            components = tfd.MultivariateNormalTriL(self.loc.value, scale)
        else:
            components = tfd.MultivariateNormalDiag(self.loc.value, tf.exp(self.log_scale.value))
        return tfd.MixtureSameFamily(tfd.Categorical(logits=self.logits.value), components)

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z), shape [batch], in nats."""
        if not self.full:
            return super().log_prob(z, condition, training)
        # B (z - μ) as one product: TFP would solve a triangular system for each point.
        difference = tf.cast(z, self.compute_dtype)[:, None] - self.loc.value
        white = tf.einsum("nkj,kij->nki", difference, self._whitening())
        constant = 0.5 * math.log(2 * math.pi) * self.event_shape[0]
        each = -0.5 * tf.reduce_sum(white**2, -1) - constant
        each += tf.nn.log_softmax(self.logits.value) - tf.reduce_sum(self.log_scale.value, -1)
        return tf.reduce_logsumexp(each, -1)

    def _whitening(self):
        """B, [K, d, d]."""
        unit = tf.eye(self.event_shape[0], dtype=self.compute_dtype)
        if self.lower is not None:
            import tensorflow_probability as tfp  # slow to import

            lower = tfp.math.fill_triangular(tf.convert_to_tensor(self.lower.value))
            unit += tf.pad(lower, [[0, 0], [1, 0], [0, 1]])
        return tf.exp(-self.log_scale.value)[:, :, None] * unit

    def _scale(self):
        """B⁻¹, lower triangular, [K, d, d]."""
        size, white = self.event_shape[0], self._whitening()
        eye = tf.eye(size, batch_shape=[self.num_components], dtype=white.dtype)
        return tf.linalg.triangular_solve(white, eye, lower=True)

    def _sample(self, num, seed, temperature, condition):
        """A component by the Gumbel-max trick, then a point of it.

          k = argmax_k (log π_k + temperature · gumbel_k)     z = μ_k + temperature · exp(s_k) · ε

        or, with full covariances, μ_k + temperature · B_k⁻¹ ε.
        At temperature 0 the mean of the component with the largest weight.
        """
        noise = self.noise(random.normal, num, seed, "normal")
        temperature = tf.cast(temperature, noise.dtype)
        gumbel = random.gumbel(
            tf.stack([num, self.num_components]), random.fold(seed, "gumbel"), noise.dtype
        )
        log_weights = tf.nn.log_softmax(self.logits.value)
        component = tf.argmax(log_weights + temperature * gumbel, axis=1)
        if self.full:
            scale = tf.gather(self._scale(), component)
            moved = tf.linalg.matvec(scale, noise)
        else:
            moved = tf.exp(tf.gather(self.log_scale.value, component)) * noise
        return tf.gather(self.loc.value, component) + temperature * moved
