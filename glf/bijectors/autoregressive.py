"""Autoregressive flows: every dimension is moved by a map that the dimensions before it choose."""

import functools

import tensorflow as tf

from glf.bijectors.base import Bijector, VectorBijector
from glf.bijectors.elementwise import AffineMap, learn_shared, with_shared
from glf.core.part import made_by
from glf.layers.causal_conv import hold_weights
from glf.networks.made import MADE
from glf.solvers.base import System
from glf.solvers.fixed_point import FixedPoint


class AutoregressiveBijector(Bijector):
    """A bijector that moves every value by a map f, whose parameters the values before it choose.

    One direction takes one pass of the network. The other, slow one is a triangular system, which a
    `Solver` of `glf.solvers` solves: its definition is `Sequential`, place after place, and the
    default, `FixedPoint`, gives the same bits in fewer passes. Solvers report what they did: see
    `glf.solvers.parts`.

    Args:
      make_map: factory of f, an elementwise map, called without arguments.
      make_network: factory of the masked network, called with `parameters=` and `dtype=`.
      make_solver: factory of the slow direction's `Solver`, called without arguments.
    """

    def __init__(self, make_map, make_network, make_solver, *, dtype):
        super().__init__(dtype=dtype)
        kind = type(self).__name__
        self.elementwise = made_by(make_map, f"{kind}.make_map")
        parameters = sum(self.elementwise.groups)
        where = f"{kind}.make_network"
        self.network = made_by(make_network, where, parameters=parameters, dtype=dtype)
        self.solver = made_by(make_solver, f"{kind}.make_solver")

    def build(self, input_shape, condition_shape=None):
        """Makes the network's weights."""
        super().build(input_shape, condition_shape)
        self.network.build(input_shape, condition_shape)
        self.shared = learn_shared(self, self.elementwise)

    def _parameters(self, point, condition):
        raw = tf.cast(self.network(point, condition), point.dtype)
        return with_shared(raw, self.shared)

    def _at_once(self, function, point, condition):
        """image = function(point; network(point)): one pass."""
        image, log_derivative = function(point, self._parameters(point, condition))
        return image, _summed(log_derivative)

    def _solved(self, function, point, condition):
        """image = function(point; network(image)): the slow direction."""

        def step(image, point, condition=None):
            return function(point, self._parameters(image, condition))

        system = System(
            step,
            (point,) if condition is None else (point, condition),
            self.network.places,
            hold=functools.partial(hold_weights, self.network),
        )
        solution = self.solver(system)
        return solution.image, _summed(solution.log_derivative)


def _summed(log_derivative):
    return tf.reduce_sum(log_derivative, axis=range(1, log_derivative.shape.rank))


class _OverVectors(AutoregressiveBijector, VectorBijector):
    """MAF and IAF: a MADE, a fast direction and a slow one."""

    def __init__(
        self, make_map=AffineMap, make_network=MADE, make_solver=FixedPoint, *, dtype="float32"
    ):
        super().__init__(make_map, make_network, make_solver, dtype=dtype)


class MAF(_OverVectors):
    """Masked autoregressive flow: y_i = f(u_i; θ_i(y_before i)), log|det dy/du| = Σ log f'.

    With the default map, y_i = u_i exp(s_i) + t_i (Papamakarios, Pavlakou, Murray 2017, section
    3.1). The inverse, hence the density, takes one pass of the network; the forward is solved, in d
    passes at most.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the MADE, called with `parameters=` and `dtype=`.
      make_solver: factory of the forward's `Solver`, called without arguments.
    """

    def _forward(self, u, condition, training):
        """At most d passes."""
        return self._solved(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.undo, y, condition)


class IAF(_OverVectors):
    """Inverse autoregressive flow: y_i = f(u_i; θ_i(u_before i)), log|det dy/du| = Σ log f'.

    With the default map, y_i = u_i exp(s_i) + t_i (Kingma et al. 2016, section 4). The
    forward, hence sampling, takes one pass of the network; the inverse is solved, in d passes at
    most.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the MADE, called with `parameters=` and `dtype=`.
      make_solver: factory of the inverse's `Solver`, called without arguments.
    """

    def _forward(self, u, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """At most d passes."""
        return self._solved(self.elementwise.undo, y, condition)
