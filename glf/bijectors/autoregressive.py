"""Autoregressive flows: every dimension is moved by a map that the dimensions before it choose."""

import tensorflow as tf

from glf.bijectors.base import Bijector, VectorBijector
from glf.bijectors.elementwise import AffineMap, learn_shared, with_shared
from glf.core.part import made_by
from glf.networks.made import MADE


class AutoregressiveBijector(Bijector):
    """A bijector that moves every value by a map f, whose parameters the values before it choose.

    Args:
      make_map: factory of f, an elementwise map, called without arguments.
      make_network: factory of the masked network, called with `parameters=` and `dtype=`.
    """

    def __init__(self, make_map, make_network, *, dtype):
        super().__init__(dtype=dtype)
        kind = type(self).__name__
        self.elementwise = made_by(make_map, f"{kind}.make_map")
        parameters = sum(self.elementwise.groups)
        where = f"{kind}.make_network"
        self.network = made_by(make_network, where, parameters=parameters, dtype=dtype)

    def build(self, input_shape, condition_shape=None):
        """Makes the network's weights."""
        super().build(input_shape, condition_shape)
        self.network.build(input_shape, condition_shape)
        self.shared = learn_shared(self, self.elementwise)

    def _parameters(self, point, condition):
        raw = tf.cast(self.network(point, condition), point.dtype)
        return with_shared(raw, self.shared)

    def _at_once(self, function, point, condition):
        image, log_derivative = function(point, self._parameters(point, condition))
        return image, tf.reduce_sum(log_derivative, axis=range(1, point.shape.rank))


class _OverVectors(AutoregressiveBijector, VectorBijector):
    """MAF and IAF: a MADE, a fast pass and a sequential one."""

    def __init__(self, make_map=AffineMap, make_network=MADE, *, dtype="float32"):
        super().__init__(make_map, make_network, dtype=dtype)

    def _one_by_one(self, function, point, condition):
        """Solves image = function(point; network(image)) in d passes.

        Pass i fills in the dimension whose place in the order is i. The later ones stay 0 until
        then, so that no passing infinity gets into the network, where 0 · ∞ would be NaN.
        """
        place = tf.constant(self.network.degrees, tf.int32)

        def fill_in(i, image, log_derivative):
            new, new_log_derivative = function(point, self._parameters(image, condition))
            now = place[None, :] == i
            image = tf.where(now, new, image)
            return i + 1, image, tf.where(now, new_log_derivative, log_derivative)

        _, image, log_derivative = tf.while_loop(
            lambda i, image, log_derivative: i <= self.size,
            fill_in,
            (tf.constant(1), tf.zeros_like(point), tf.zeros_like(point)),
            maximum_iterations=self.size,
        )
        return image, tf.reduce_sum(log_derivative, axis=1)


class MAF(_OverVectors):
    """Masked autoregressive flow: y_i = f(u_i; θ_i(y_before i)), log|det dy/du| = Σ log f'.

    With the default map, y_i = u_i exp(s_i) + t_i (Papamakarios, Pavlakou, Murray 2017, section
    3.1). The inverse, hence the density, takes one pass of the network, the forward d passes in one
    loop.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the MADE, called with `parameters=` and `dtype=`.
    """

    def _forward(self, u, condition, training):
        """d passes."""
        return self._one_by_one(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.undo, y, condition)


class IAF(_OverVectors):
    """Inverse autoregressive flow: y_i = f(u_i; θ_i(u_before i)), log|det dy/du| = Σ log f'.

    With the default map, y_i = u_i exp(s_i) + t_i (Kingma et al. 2016, section 4). The
    forward, hence sampling, takes one pass of the network, the inverse d passes in one loop.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the MADE, called with `parameters=` and `dtype=`.
    """

    def _forward(self, u, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """d passes."""
        return self._one_by_one(self.elementwise.undo, y, condition)
