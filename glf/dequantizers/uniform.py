"""Uniform noise."""

import tensorflow as tf

from glf.core import random
from glf.dequantizers.base import Dequantizer


class UniformDequantizer(Dequantizer):
    """q(v | x) = 1 on [0, 1)^D (Theis, van den Oord, Bethge 2016, section 3.1). log q = 0.

    v lies on the grid of step 2^-b on which x + v is exact. A condition is ignored.
    """

    def sample_and_log_prob(self, x, seed, condition=None, training=False):
        """See `Dequantizer`."""
        x, _ = self.check(x, condition)
        v = random.uniform(tf.shape(x), seed, dtype=tf.as_dtype(self.compute_dtype))
        # Cut off, not rounded: each point of the coarser grid is as likely as the others.
        v = tf.floor(v * 2.0**self.bits) * 2.0**-self.bits
        v = tf.ensure_shape(v, (None, *self.image_shape))
        return v, tf.zeros(tf.shape(x)[:1], v.dtype)

    def log_prob(self, v, x, condition=None):
        """0 on [0, 1)^D, -inf elsewhere."""
        self.check(x, condition)
        v = tf.cast(v, self.compute_dtype)
        inside = tf.reduce_all((v >= 0) & (v < 1), axis=(1, 2, 3))
        return tf.where(inside, tf.zeros((), v.dtype), tf.constant(float("-inf"), v.dtype))
