"""Gaussian noise on images: for flows whose samples are denoised."""

import math

import tensorflow as tf

from glf.core import random
from glf.dequantizers.base import NoiseModel


class GaussianNoise(NoiseModel):
    """v = 1/2 + s ε, ε ~ N(0, 1), s = deviation · levels: images y in [0, 1] get N(0, deviation²).

    The noise of TarFlow (Zhai et al. 2024, arXiv 2412.06329, section 3.3): y = (x + v) / levels is
    the middle of the level of x, and noise over many levels on it. For their images in [-1, 1] they
    take 0.05 to 0.15, which are a `deviation` of 0.025 to 0.075 here.

    A sum x + v does not say which x it was of. A likelihood of x needs someone who reads it, and
    here each value is read by itself, all levels being alike before:

      r(x | t) = Π_i N(t_i; x_i + 1/2, s²) / Σ_k N(t_i; k + 1/2, s²),   k = 0, ..., levels - 1

    These are probabilities of integers, so that the bounds made with this noise are bounds on log
    P(x) of a distribution of integers, P(x) = levels^-D ∫ p_y(t / levels) r(x | t) dt, and bits/dim
    of the data. It is the distribution of "draw t from the flow, then each level by r": of images
    noisier than the flow's own, by sqrt(2) s about each level. So the bound is no judge of denoised
    samples, and it is weak wherever s is larger than a level: each value costs at least about
    log2(s sqrt(2π e)) bits, 4.7 at a deviation of 0.025 and 256 levels (1.4 less at 0 and 255),
    however well the flow knows the data. Bits/dim to be compared with those of other models are
    those of a flow with a dequantizer, whose noise stays within a level; TarFlow's own 2.99 of
    ImageNet 64 are of uniform noise. For training it makes no difference: up to a constant the ELBO
    is the mean of log p_y of noisy images, which TarFlow maximises.

    A condition is ignored. Noise reaches beyond [0, 1], where a `Logit` has no density: take
    `Center`.

    Args:
      deviation: positive, of images in [0, 1].

    Raises:
      ValueError: for another deviation.
    """

    def __init__(self, deviation=0.025, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if not 0 < deviation < float("inf"):
            raise ValueError(f"GaussianNoise needs a deviation > 0, got {deviation}.")
        self.deviation = deviation

    def sample_and_log_prob(self, x, seed, condition=None, training=False):
        """See `NoiseModel`."""
        x, _ = self.check(x, condition)
        noise = random.normal(tf.shape(x), seed, dtype=tf.as_dtype(self.compute_dtype))
        noise = tf.ensure_shape(noise, (None, *self.image_shape))
        return 0.5 + self.deviation * self.levels * noise, self._log_normal(noise)

    def log_prob(self, v, x, condition=None):
        """Of any real v."""
        self.check(x, condition)
        v = tf.cast(v, self.compute_dtype)
        return self._log_normal((v - 0.5) / (self.deviation * self.levels))

    def log_reading(self, v, x):
        """log r(x | x + v): every value against all levels."""
        x, v = tf.cast(x, v.dtype), tf.stop_gradient(v)
        scale = 1.0 / (self.deviation * self.levels)
        own = 0.5 * tf.square((v - 0.5) * scale)

        # One level after the other: all at once would take `levels` times the memory of the images.
        def with_level(level, total):
            other = (x + v - 0.5 - tf.cast(level, v.dtype)) * scale
            return level + 1, total + tf.exp(own - 0.5 * tf.square(other))

        _, total = tf.while_loop(
            lambda level, total: level < self.levels,
            with_level,
            (tf.constant(0), tf.zeros_like(v)),
            maximum_iterations=self.levels,
        )
        return -tf.reduce_sum(tf.math.log(total), axis=(1, 2, 3))

    def _log_normal(self, noise):
        scale = self.deviation * self.levels
        constant = math.log(scale * math.sqrt(2 * math.pi)) * math.prod(self.image_shape)
        return -0.5 * tf.reduce_sum(tf.square(noise), axis=(1, 2, 3)) - constant
