"""A learned scale for every dimension."""

import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all


class DiagonalScaling(VectorBijector):
    """u_i = exp(s_i) y_i, log|det du/dy| = Σ s_i (NICE, Dinh, Krueger, Bengio 2014, section 3.3).

    The last layer of NICE, next to the base: it lets additive couplings, which preserve volume,
    weigh the dimensions against each other. It starts as the identity.
    """

    def build(self, input_shape, condition_shape=None):
        """Makes s = 0."""
        super().build(input_shape, condition_shape)
        self.log_scale = self.add_weight(name="log_scale", shape=(self.size,), initializer="zeros")

    def _forward(self, u, condition, training):
        """y = exp(-s) u, and -Σ s."""
        s = self.log_scale.value
        return u * tf.exp(-s), same_for_all(-tf.reduce_sum(s), u)

    def _inverse(self, y, condition, training):
        """u = exp(s) y, and Σ s."""
        s = self.log_scale.value
        return y * tf.exp(s), same_for_all(tf.reduce_sum(s), y)
