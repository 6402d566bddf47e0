"""The radial flow: an expansion or contraction around one point."""

import tensorflow as tf

from glf.bijectors.base import VectorBijector
from glf.bijectors.free_parameters import FreeParameters
from glf.networks.dense_conditioner import DenseConditioner


class Radial(VectorBijector):
    """y = u + β (u - c) / (α + r), r = |u - c|, with α > 0 and β > -α.

      log|det dy/du| = (d-1) log(1 + β / (α + r)) + log(1 + αβ / (α + r)²)

    Rezende, Mohamed 2015, equation 14; α = softplus(a) and α + β = softplus(b) (appendix A.2), so
    that a = b is the identity. The inverse is in closed form: the distance R = |y - c| gives r as
    the positive root of r² + (α + β - R) r - α R = 0.

    Args:
      make_conditioner: factory of the network that shifts c, a and b by the condition, called
        with `units=` and `dtype=`.
    """

    def __init__(self, make_conditioner=DenseConditioner, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.make_conditioner = make_conditioner

    def build(self, input_shape, condition_shape=None):
        """Makes c, a and b."""
        super().build(input_shape, condition_shape)
        sizes = {"center": self.size, "a": 1, "b": 1}
        self.parameters = FreeParameters(sizes, self.make_conditioner, dtype=self.dtype)
        self.parameters.build(condition_shape)

    def _values(self, condition, training):
        """Returns c, α and α + β."""
        center, a, b = self.parameters(condition, training=training)
        return center, tf.nn.softplus(a), tf.nn.softplus(b)

    def _forward(self, u, condition, training):
        """The paper's map."""
        center, alpha, total = self._values(condition, training)
        offset = u - center
        radius = _norm(offset)
        log_stretch, log_det = _logs(radius, alpha, total, self.size)
        return center + offset * tf.exp(log_stretch), log_det

    def _inverse(self, y, condition, training):
        """The same map undone."""
        center, alpha, total = self._values(condition, training)
        offset = y - center
        distance = _norm(offset)
        # Of the two forms of the positive root, the one in which nothing cancels.
        half = 0.5 * (distance - total)
        unit = _unit(distance)
        root = unit * tf.sqrt((half / unit) ** 2 + alpha * (distance / unit) / unit)
        radius = tf.where(half > 0, half + root, alpha * distance / (tf.abs(half) + root))
        log_stretch, log_det = _logs(radius, alpha, total, self.size)
        return center + offset * tf.exp(-log_stretch), -log_det


def _unit(size):
    # What is measured in this unit can be squared without an overflow.
    return tf.stop_gradient(tf.maximum(size, 1.0))


def _norm(offset):
    unit = _unit(tf.reduce_max(tf.abs(offset), axis=1, keepdims=True))
    # Bounded below, because at 0 the norm has no gradient; there nothing depends on it anyway.
    square = tf.reduce_sum((offset / unit) ** 2, axis=1, keepdims=True)
    return unit * tf.sqrt(tf.maximum(square, 1e-30))


def _logs(radius, alpha, total, size):
    """log(1 + β / (α + r)) and the log-determinant, from positive terms alone."""
    log_stretch = tf.math.log(total + radius) - tf.math.log(alpha + radius)
    # 1 + αβ / (α + r)² = p² + 2 p q + q (α + β) / (α + r) with p = r / (α + r), q = α / (α + r)
    p, q = radius / (alpha + radius), alpha / (alpha + radius)
    log_radial = tf.math.log(p**2 + 2.0 * p * q + q * total / (alpha + radius))
    return log_stretch, ((size - 1) * log_stretch + log_radial)[:, 0]
