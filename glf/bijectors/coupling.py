"""Coupling layers: a part of the dimensions is moved by a map that the other part chooses."""

from functools import partial

import keras
import tensorflow as tf

from glf.bijectors.base import VectorBijector
from glf.bijectors.elementwise import AdditiveMap, AffineMap, learn_shared, with_shared
from glf.bijectors.spline import SplineMap
from glf.core.part import made_by
from glf.layers.track import track
from glf.networks.dense_conditioner import DenseConditioner


class MapParameters(keras.layers.Layer):
    """The networks that give an elementwise map its raw parameters for `num` elements.

    Numbers that all elements share are a weight of this layer.

    Args:
      elementwise: the map whose parameters are wanted.
      num: number of elements to be moved, m.
      make_conditioner: factory, called with `units=` and `dtype=`.
      separate_networks: whether each parameter group (log-scales; shifts) has a network of its
        own, or one network gives all.

    Shapes: call maps [batch, n] (and a condition [batch, c]) to [batch, m, sum(groups) +
    len(shared)].
    """

    def __init__(self, elementwise, num, make_conditioner, separate_networks, dtype):
        super().__init__(dtype=dtype)
        self.num = num
        groups = elementwise.groups if separate_networks else (sum(elementwise.groups),)
        where = "A coupling's make_conditioner"
        networks = [made_by(make_conditioner, where, units=num * n, dtype=dtype) for n in groups]
        self.networks = track(self, "network", networks)
        self.groups = groups
        self.elementwise = elementwise

    def build(self, input_shape, condition_shape=None):
        """Builds the networks."""
        for network in self.networks:
            network.build(input_shape, condition_shape)
        self.shared = learn_shared(self, self.elementwise)

    def call(self, inputs, condition=None, training=False):
        """Returns the raw parameters."""
        parts = [
            tf.reshape(network(inputs, condition, training=training), (-1, self.num, group))
            for network, group in zip(self.networks, self.groups, strict=True)
        ]
        raw = parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)
        return with_shared(raw, self.shared)


class Coupling(VectorBijector):
    """Moves one half of the dimensions by a map whose parameters come from the other half.

      inverse, with y = (y_a, y_b):   u_a = y_a   u_b = f(y_b; θ(y_a))   log|det| = Σ log f'
      forward:                        y_a = u_a   y_b = f⁻¹(u_b; θ(u_a))

    The map f goes from data to base, the direction in which RealNVP (Dinh, Sohl-Dickstein, Bengio
    2016, section 3.2) writes it. The first half has ⌊d/2⌋ dimensions.

    Args:
      make_map: factory of the family f, called without arguments.
      transform: which half is moved, "first" or "second".
      make_conditioner: factory of the network θ, called with `units=` and `dtype=`.
      separate_networks: whether every group of parameters has its own network.

    Raises:
      ValueError: for another `transform`; in `build`, for fewer than two dimensions.
    """

    def __init__(
        self,
        make_map,
        transform="second",
        make_conditioner=DenseConditioner,
        separate_networks=False,
        *,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        if transform not in ("first", "second"):
            raise ValueError(f'A coupling\'s transform is "first" or "second", got {transform!r}.')
        self.elementwise = made_by(make_map, "Coupling.make_map")
        self.transform = transform
        self.make_conditioner = make_conditioner
        self.separate_networks = separate_networks

    def build(self, input_shape, condition_shape=None):
        """Makes the network for the half that is moved."""
        super().build(input_shape, condition_shape)
        fixed, moved = half_sizes(self)
        if self.transform == "first":
            fixed, moved = moved, fixed
        self.parameters = MapParameters(
            self.elementwise, moved, self.make_conditioner, self.separate_networks, self.dtype
        )
        self.parameters.build((None, fixed), condition_shape)

    def _apply(self, function, point, condition, training):
        first, second = tf.split(point, half_sizes(self), axis=1)
        if self.transform == "first":
            raw = self.parameters(second, condition, training=training)
            first, log_derivative = function(first, raw)
        else:
            raw = self.parameters(first, condition, training=training)
            second, log_derivative = function(second, raw)
        return tf.concat([first, second], axis=1), tf.reduce_sum(log_derivative, axis=1)

    def _forward(self, u, condition, training):
        """The moved half through f⁻¹."""
        return self._apply(self.elementwise.undo, u, condition, training)

    def _inverse(self, y, condition, training):
        """The moved half through f."""
        return self._apply(self.elementwise.apply, y, condition, training)


class AdditiveCoupling(Coupling):
    """u_b = y_b + t(y_a): volume-preserving (Dinh, Krueger, Bengio 2014, "NICE", section 3.2)."""

    def __init__(self, transform="second", make_conditioner=DenseConditioner, *, dtype="float32"):
        super().__init__(AdditiveMap, transform, make_conditioner, dtype=dtype)


class AffineCoupling(Coupling):
    """u_b = y_b exp(s(y_a)) + t(y_a), |s| < clamp (RealNVP, section 3.2)."""

    def __init__(
        self,
        transform="second",
        make_conditioner=DenseConditioner,
        clamp=2.0,
        separate_networks=False,
        *,
        dtype="float32",
    ):
        make_map = partial(AffineMap, clamp)
        super().__init__(make_map, transform, make_conditioner, separate_networks, dtype=dtype)


class SplineCoupling(Coupling):
    """u_b = spline(y_b; θ(y_a)): Durkan et al. 2019, "Neural Spline Flows", section 3."""

    def __init__(
        self,
        transform="second",
        make_conditioner=DenseConditioner,
        num_bins=8,
        bound=5.0,
        *,
        dtype="float32",
    ):
        make_map = partial(SplineMap, num_bins, bound)
        super().__init__(make_map, transform, make_conditioner, dtype=dtype)


class BothHalvesCoupling(VectorBijector):
    """The block of Generative Latent Flow: moves both halves, one after the other.

      inverse:   u_1 = f(y_1; θ_1(y_2))      u_2 = f(y_2; θ_2(u_1))
      forward:   y_2 = f⁻¹(u_2; θ_2(u_1))    y_1 = f⁻¹(u_1; θ_1(y_2))

    With the default affine map and separate networks for log-scales and shifts this is the
    coupling block of Xiao, Yan, Amit 2019 (arXiv 1905.10485, section 3).

    Args:
      make_map: factory of the family f, called without arguments.
      make_conditioner: factory of each network, called with `units=` and `dtype=`.
      separate_networks: whether every group of parameters has its own network.

    Raises:
      ValueError: in `build`, for fewer than two dimensions.
    """

    def __init__(
        self,
        make_map=AffineMap,
        make_conditioner=DenseConditioner,
        separate_networks=True,
        *,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        self.elementwise = made_by(make_map, "BothHalvesCoupling.make_map")
        self.make_conditioner = make_conditioner
        self.separate_networks = separate_networks

    def build(self, input_shape, condition_shape=None):
        """Makes the networks of both halves."""
        super().build(input_shape, condition_shape)
        first, second = half_sizes(self)
        make = (self.make_conditioner, self.separate_networks, self.dtype)
        self.first_parameters = MapParameters(self.elementwise, first, *make)
        self.first_parameters.build((None, second), condition_shape)
        self.second_parameters = MapParameters(self.elementwise, second, *make)
        self.second_parameters.build((None, first), condition_shape)

    def _forward(self, u, condition, training):
        """Undoes the second half, then the first."""
        u_1, u_2 = tf.split(u, half_sizes(self), axis=1)
        raw = self.second_parameters(u_1, condition, training=training)
        y_2, log_derivative_2 = self.elementwise.undo(u_2, raw)
        raw = self.first_parameters(y_2, condition, training=training)
        y_1, log_derivative_1 = self.elementwise.undo(u_1, raw)
        return tf.concat([y_1, y_2], axis=1), _total(log_derivative_1, log_derivative_2)

    def _inverse(self, y, condition, training):
        """Moves the first half given the second, then the second given the new first."""
        y_1, y_2 = tf.split(y, half_sizes(self), axis=1)
        raw = self.first_parameters(y_2, condition, training=training)
        u_1, log_derivative_1 = self.elementwise.apply(y_1, raw)
        raw = self.second_parameters(u_1, condition, training=training)
        u_2, log_derivative_2 = self.elementwise.apply(y_2, raw)
        return tf.concat([u_1, u_2], axis=1), _total(log_derivative_1, log_derivative_2)


def half_sizes(bijector):
    """The sizes (⌊d/2⌋, ⌈d/2⌉) of the two halves.

    Raises:
      ValueError: if d < 2, where one half would be empty.
    """
    if bijector.size < 2:
        raise ValueError(
            f"{type(bijector).__name__} needs at least 2 dimensions, got {bijector.size}; for one "
            "dimension use DiagonalScaling, Planar, Radial or an autoregressive flow."
        )
    return bijector.size // 2, bijector.size - bijector.size // 2


def _total(log_derivative_1, log_derivative_2):
    return tf.reduce_sum(log_derivative_1, axis=1) + tf.reduce_sum(log_derivative_2, axis=1)
