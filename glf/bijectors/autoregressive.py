"""Autoregressive flows: every dimension is moved by a map that the dimensions before it choose."""

import functools

import tensorflow as tf

from glf.bijectors.base import VectorBijector
from glf.bijectors.drafts import Drafted
from glf.bijectors.elementwise import AffineMap, learn_shared, with_shared
from glf.bijectors.rounding import check_fraction_bits, rounded
from glf.core.part import made_by
from glf.layers.causal_conv import hold_weights
from glf.networks.base import OnePlaceAtATime
from glf.networks.made import MADE
from glf.solvers.base import Cached, System, limited
from glf.solvers.fixed_point import FixedPoint


class AutoregressiveBijector(Drafted):
    """A bijector that moves every value by a map f, whose parameters the values before it choose.

    One direction takes one pass of the network. The other, slow one is a triangular system, which a
    `Solver` of `glf.solvers` solves: its definition is `Sequential`, place after place, and the
    default, `FixedPoint`, gives the same bits in fewer passes. Solvers report what they did: see
    `glf.solvers.parts`. Of what is being solved the network sees values within ±1e12, so that a
    value that overflows does not make NaN of those behind it.

    Args:
      make_map: factory of f, an elementwise map, called without arguments.
      make_network: factory of the masked network, called with `parameters=` and `dtype=`.
      make_solver: factory of the slow direction's `Solver`, called without arguments.
      make_draft: factory of a small network that guesses where the slow direction leads,
        image ≈ point + draft(point), a `Conditioner` called with `units=` and `dtype=`; solvers
        start there. `drafted` gives the loss that models train it by, beside the flow. None: none.
      fraction_bits: the network sees values rounded to multiples of 2^-fraction_bits, in both
        directions, so that the flow and its density stay exact; from 0 to 20. A solver is then done
        when the rounded values are, instead of when the last bits of all values have settled one
        after the other, which large networks need nearly all of the passes for. Of the rounding
        gradients know nothing (straight through), and images jump where a value before them passes
        from one multiple to the next: where that happens within float32's last bits, forward of
        inverse may not lead back. None: values as they are.
    """

    @property
    def num_places(self):
        """The places of the slow direction: passes of the network are this many at most."""
        return int(self.network.places.max())

    @property
    def keeps_activations(self):
        """Whether `CachedSequential` can solve it."""
        return isinstance(self.network, OnePlaceAtATime)

    def __init__(self, make_map, make_network, make_solver, make_draft, fraction_bits, *, dtype):
        super().__init__(dtype=dtype)
        kind = type(self).__name__
        check_fraction_bits(kind, fraction_bits)
        self.fraction_bits = fraction_bits
        self.elementwise = made_by(make_map, f"{kind}.make_map")
        parameters = sum(self.elementwise.groups)
        where = f"{kind}.make_network"
        self.network = made_by(make_network, where, parameters=parameters, dtype=dtype)
        self.solver = made_by(make_solver, f"{kind}.make_solver")
        self.make_draft = make_draft

    def build(self, input_shape, condition_shape=None):
        """Makes the network's weights."""
        super().build(input_shape, condition_shape)
        self.network.build(input_shape, condition_shape)
        self.shared = learn_shared(self, self.elementwise)
        self._build_draft(input_shape, condition_shape)

    def _parameters(self, point, condition):
        seen = rounded(point, self.fraction_bits)
        raw = tf.cast(self.network(seen, condition), point.dtype)
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
            draft=None if self.draft is None else self._guess,
            cached=self._cached(function),
            hold=functools.partial(hold_weights, self.network),
        )
        solution = self.solver(system)
        return solution.image, _summed(solution.log_derivative)

    def _cached(self, function):
        """The same value after value, if the network can; None otherwise."""
        if not self.keeps_activations:
            return None
        return _ValueAfterValue(self, function)


class _ValueAfterValue(Cached):
    """An autoregressive bijector's slow direction, with a network that keeps its activations."""

    def __init__(self, bijector, function):
        self.function, self.network, self.shared = function, bijector.network, bijector.shared
        self.fraction_bits = bijector.fraction_bits
        self.places = tf.constant(self.network.places, tf.int32)[None]

    def begin(self, point, condition=None):
        """See `Cached`."""
        return {"point": point, "network": self.network.begin(tf.shape(point)[0], condition)}

    def advance(self, place, image, state):
        """See `Cached`."""
        seen = rounded(limited(image), self.fraction_bits)
        raw, kept = self.network.at_place(place, seen, state["network"])
        raw = with_shared(tf.cast(raw, image.dtype)[:, None], self.shared)
        index = tf.argmax(tf.reshape(self.places, [-1]) == place)
        point = tf.gather(tf.reshape(state["point"], [tf.shape(image)[0], -1]), [index], axis=1)
        now = self.places == place
        zeros = tf.zeros_like(image)

        def spread(value, elsewhere):
            value = tf.reshape(value, [-1, *[1] * (image.shape.rank - 1)])
            return tf.where(now, value, elsewhere)

        value, log_derivative = self.function(point, raw)
        return spread(value, image), spread(log_derivative, zeros), {**state, "network": kept}


def _summed(log_derivative):
    return tf.reduce_sum(log_derivative, axis=range(1, log_derivative.shape.rank))


class _OverVectors(AutoregressiveBijector, VectorBijector):
    """MAF and IAF: a MADE, a fast direction and a slow one."""

    def __init__(
        self,
        make_map=AffineMap,
        make_network=MADE,
        make_solver=FixedPoint,
        make_draft=None,
        fraction_bits=None,
        *,
        dtype="float32",
    ):
        super().__init__(
            make_map, make_network, make_solver, make_draft, fraction_bits, dtype=dtype
        )


class MAF(_OverVectors):
    """Masked autoregressive flow: y_i = f(u_i; θ_i(y_before i)), log|det dy/du| = Σ log f'.

    With the default map, y_i = u_i exp(s_i) + t_i (Papamakarios, Pavlakou, Murray 2017, section
    3.1). The inverse, hence the density, takes one pass of the network; the forward is solved, in d
    passes at most.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the MADE, called with `parameters=` and `dtype=`.
      make_solver: factory of the forward's `Solver`, called without arguments.
      make_draft: factory of a network that guesses what the forward gives, or None, see
        `AutoregressiveBijector`.
      fraction_bits: what the network sees of a value, or None, see `AutoregressiveBijector`.
    """

    slow_is_forward = True

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
      make_draft: factory of a network that guesses what the inverse gives, or None, see
        `AutoregressiveBijector`.
      fraction_bits: what the network sees of a value, or None, see `AutoregressiveBijector`.
    """

    def _forward(self, u, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """At most d passes."""
        return self._solved(self.elementwise.undo, y, condition)
