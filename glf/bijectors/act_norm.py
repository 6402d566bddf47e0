"""A scale and shift for every dimension, initialised by the first batch."""

import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all
from glf.bijectors.moments import batch_moments


class ActNorm(VectorBijector):
    """u = exp(s) y + t, log|det du/dy| = Σ s (Kingma, Dhariwal 2018, "Glow", section 3.1).

    The first call with training=True, in either direction, sets s and t so that the outcome of
    that call has mean 0 and variance 1 in every dimension of its batch. From then on they are
    ordinary weights. Whether that has happened is itself a weight, so that a restored flow is not
    initialised again.
    """

    # Keeps the scale finite for a dimension that is constant in the first batch.
    epsilon = 1e-6

    def build(self, input_shape, condition_shape=None):
        """Makes s = 0 and t = 0, to be initialised."""
        super().build(input_shape, condition_shape)
        shape = (self.size,)
        self.log_scale = self.add_weight(name="log_scale", shape=shape, initializer="zeros")
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros")
        self.initialized = self.add_weight(
            name="initialized",
            shape=(),
            initializer="zeros",
            trainable=False,
        )

    def _initialize(self, point, forward):
        mean, variance = batch_moments(point)
        log_std = 0.5 * tf.math.log(variance + self.epsilon)
        # forward: (u - t) exp(-s); inverse: y exp(s) + t.
        log_scale = log_std if forward else -log_std
        shift = mean if forward else -mean * tf.exp(-log_std)
        done = self.initialized.value > 0
        self.log_scale.assign(tf.where(done, self.log_scale.value, log_scale))
        self.shift.assign(tf.where(done, self.shift.value, shift))
        self.initialized.assign(tf.ones_like(self.initialized.value))

    def forward_and_log_det(self, u, condition=None, training=False):
        """y = exp(-s) (u - t), and -Σ s."""
        u, _ = self.check(u, condition)
        if training:
            self._initialize(u, forward=True)
        s = self.log_scale.value
        return (u - self.shift.value) * tf.exp(-s), same_for_all(-tf.reduce_sum(s), u)

    def inverse_and_log_det(self, y, condition=None, training=False):
        """u = exp(s) y + t, and Σ s."""
        y, _ = self.check(y, condition)
        if training:
            self._initialize(y, forward=False)
        s = self.log_scale.value
        return y * tf.exp(s) + self.shift.value, same_for_all(tf.reduce_sum(s), y)
