"""The planar flow: a bump of any strength across one hyperplane."""

import math

import tensorflow as tf

from glf.bijectors.base import VectorBijector
from glf.bijectors.free_parameters import FreeParameters
from glf.networks.dense_conditioner import DenseConditioner


class Planar(VectorBijector):
    """y = u + v̂ tanh(w·u + b), log|det dy/du| = log(1 + w·v̂ (1 - tanh²(w·u + b))).

    Rezende, Mohamed 2015, equations 10 to 12. It is invertible because w·v̂ > -1 (appendix A.1):

      v̂ = v + (m(w·v) - w·v) w / |w|²     m(a) = -1 + softplus(a + log(e - 1))

    The paper's m is shifted so that m(0) = 0, which makes v = 0 the identity. The inverse has no
    closed form: α = w·u + b solves α + w·v̂ tanh α = w·y + b, an increasing function bracketed by
    |w·v̂|, which is bisected down to the last bits; gradients follow from the implicit function
    theorem. As the forward is the cheap direction, a planar flow that is trained by density goes
    into `Invert`.

    Args:
      make_conditioner: factory of the network that shifts w, v and b by the condition, called
        with `units=` and `dtype=`.
    """

    def __init__(self, make_conditioner=DenseConditioner, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.make_conditioner = make_conditioner

    def build(self, input_shape, condition_shape=None):
        """Makes w, v and b."""
        super().build(input_shape, condition_shape)
        sizes = {"w": self.size, "v": self.size, "b": 1}
        self.parameters = FreeParameters(sizes, self.make_conditioner, dtype=self.dtype)
        self.parameters.build(condition_shape)

    def _values(self, condition, training):
        """Returns w, v̂, b[:, 0] and 1 + w·v̂."""
        w, v, b = self.parameters(condition, training=training)
        along = tf.reduce_sum(w * v, axis=1)
        above = tf.nn.softplus(along + math.log(math.e - 1.0))
        # At w = 0 the correction vanishes in every way; the bound only keeps it from being 0 / 0.
        square = tf.maximum(tf.reduce_sum(w * w, axis=1), 1e-30)
        v = v + ((above - 1.0 - along) / square)[:, None] * w
        return w, v, b[:, 0], above

    def _forward(self, u, condition, training):
        """The paper's map."""
        w, v, b, above = self._values(condition, training)
        bump = tf.tanh(tf.reduce_sum(w * u, axis=1) + b)
        return u + v * bump[:, None], tf.math.log(_slope(bump, above))

    def _inverse(self, y, condition, training):
        """The same map undone."""
        w, v, b, above = self._values(condition, training)
        level = _solve(tf.reduce_sum(w * y, axis=1) + b, above)
        bump = tf.tanh(level)
        return y - v * bump[:, None], -tf.math.log(_slope(bump, above))


def _slope(bump, above):
    # 1 + w·v̂ (1 - tanh²) as a sum of positive terms, exact also where w·v̂ is next to -1.
    return above * (1.0 - bump**2) + bump**2


def _solve(target, above):
    """The α with α + (above - 1) tanh α = target, differentiable in both."""
    strength = above - 1.0
    reach = tf.stop_gradient(tf.abs(strength) + tf.zeros_like(target))
    center = tf.stop_gradient(target)
    # Each step halves the bracket: after that many it is at the rounding errors of `strength`.
    steps = {tf.float32: 30, tf.float64: 60}[target.dtype]

    def halve(i, low, high):
        middle = 0.5 * (low + high)
        too_high = middle + tf.stop_gradient(strength) * tf.tanh(middle) > center
        return i + 1, tf.where(too_high, low, middle), tf.where(too_high, middle, high)

    _, low, high = tf.while_loop(
        lambda i, low, high: i < steps,
        halve,
        (tf.constant(0), center - reach, center + reach),
        maximum_iterations=steps,
    )
    root = tf.stop_gradient(0.5 * (low + high))
    # A Newton step whose value is 0 and whose gradient is the implicit function theorem's.
    bump = tf.tanh(root)
    residual = root + strength * bump - target
    return root - (residual - tf.stop_gradient(residual)) / tf.stop_gradient(_slope(bump, above))
