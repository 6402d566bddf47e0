"""Batch normalization as a bijector."""

import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all
from glf.layers.moments import batch_moments, check_spread


class BatchNorm(VectorBijector):
    """u = exp(γ) (y - m) / sqrt(v + ε) + β, log|det du/dy| = Σ (γ - log(v + ε) / 2).

    Dinh, Sohl-Dickstein, Bengio 2016, "RealNVP", section 3.7; with γ and β as in Papamakarios,
    Pavlakou, Murray 2017, "Masked Autoregressive Flow", appendix B. In the inverse direction
    with training=True, m and v are the mean and variance of the batch (of all replicas together),
    gradients flow through them, and the moving averages take a step towards them. Otherwise, and
    in the forward direction always, m and v are the moving averages and the map is one fixed
    function.

    Args:
      momentum: part of the old moving average that is kept, in [0, 1).
      epsilon: ε, positive.

    Raises:
      ValueError: for arguments out of range; in training, for a batch of one example.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if not 0 <= momentum < 1 or not epsilon > 0:
            raise ValueError(
                "BatchNorm needs 0 <= momentum < 1 and epsilon > 0, got "
                f"momentum={momentum}, epsilon={epsilon}."
            )
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape, condition_shape=None):
        """Makes γ = 0, β = 0 and the moving averages m = 0, v = 1."""
        super().build(input_shape, condition_shape)
        shape = (self.size,)
        self.log_gamma = self.add_weight(name="log_gamma", shape=shape, initializer="zeros")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        moving = {"shape": shape, "trainable": False}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **moving)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **moving)

    def _log_scale(self, variance):
        return self.log_gamma.value - 0.5 * tf.math.log(variance + self.epsilon)

    def _forward(self, u, condition, training):
        """y = m + (u - β) exp(-γ) sqrt(v + ε) with the moving averages."""
        log_scale = self._log_scale(self.moving_variance.value)
        y = self.moving_mean.value + (u - self.beta.value) * tf.exp(-log_scale)
        return y, same_for_all(-tf.reduce_sum(log_scale), u)

    def _inverse(self, y, condition, training):
        """u = exp(γ) (y - m) / sqrt(v + ε) + β."""
        if training:
            check_spread(y, (0,), type(self).__name__, "Take a larger batch, or ActNorm.")
            mean, variance = batch_moments(y)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving.value + (1.0 - self.momentum) * batch)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        log_scale = self._log_scale(variance)
        u = (y - mean) * tf.exp(log_scale) + self.beta.value
        return u, same_for_all(tf.reduce_sum(log_scale), y)
