"""Permutations of channels, alone and around another map."""

import keras
import numpy as np
import tensorflow as tf

from glf.integer_flows.base import IntegerMap, integer_map
from glf.integer_flows.coupling import IntegerCoupling

ORDERS = ("random", "rotated")


class ChannelPermutation(IntegerMap):
    """A fixed permutation π of the channels: u_i = x_π(i).

    It is a non-trainable integer weight: a restored flow has the one it was trained with.

    Args:
      order: "random", drawn when the layer is built; or "rotated": the last channel comes first,
        so that over as many steps as there are channels each is the last one once.
      unit: see `IntegerMap`.

    Raises:
      ValueError: for another order.
    """

    def __init__(self, order="random", *, unit=1):
        super().__init__(unit=unit)
        if order not in ORDERS:
            raise ValueError(f"ChannelPermutation.order is one of {ORDERS}, got {order!r}.")
        self.order = order

    def build(self, input_shape, condition_shape=None):
        """Draws the permutation with a Keras initializer."""
        super().build(input_shape, condition_shape)
        # 64-bit integers, because TensorFlow has no GPU kernels for 32-bit integer variables.
        self.permutation = self.add_weight(
            name="permutation",
            shape=(self.event_shape[2],),
            dtype="int64",
            initializer=_random if self.order == "random" else _rotated,
            trainable=False,
        )

    def _forward(self, u, condition, training):
        return tf.gather(u, tf.argsort(self.permutation.value), axis=3)

    def _inverse(self, x, condition, training):
        return tf.gather(x, self.permutation.value, axis=3)


class Permuted(IntegerMap):
    """A map of permuted channels: π, then the map, and if `back` the inverse of π.

    Hoogeboom et al. 2019, arXiv 1905.07376, leave channels permuted; van den Berg et al. 2020,
    "IDF++", arXiv 2006.12459, put them back, so that a step that moves nothing changes nothing and
    channels that are factored out are the same wherever they were.

    Args:
      make_map: factory of the map, called with `unit=`; it keeps the shape.
      back: whether channels are put back in their places.
      order: of the permutation, see `ChannelPermutation`.
      unit: see `IntegerMap`.

    Attributes:
      permutation: the `ChannelPermutation`.
      map: the map inside, an `IntegerCoupling` most often.

    Raises:
      ValueError: for a rotation that is put back, which would always move the same channels; in
        `build`, for a map that changes the shape.
    """

    def __init__(self, make_map=IntegerCoupling, back=False, order="random", *, unit=1):
        super().__init__(unit=unit)
        if back and order != "random":
            raise ValueError(
                f'Permuted.back is for order="random", got {order!r}: every step would move the '
                "same channels."
            )
        self.map = integer_map(make_map, "Permuted.make_map", unit)
        self.permutation = ChannelPermutation(order, unit=unit)
        self.back = back

    @property
    def roundings(self):
        """Those of the map."""
        return self.map.roundings

    def build(self, input_shape, condition_shape=None):
        """Builds the permutation and the map."""
        super().build(input_shape, condition_shape)
        self.permutation.build(input_shape, condition_shape)
        self.map.build(input_shape, condition_shape)
        if self.map.base_shape != self.event_shape:
            raise ValueError(
                f"Permuted takes maps that keep the shape; {type(self.map).__name__} makes "
                f"{self.map.base_shape} of {self.event_shape}."
            )

    def _forward(self, u, condition, training):
        if self.back:
            u = self.permutation.inverse(u, condition)
        return self.permutation.forward(self.map.forward(u, condition, training), condition)

    def _inverse(self, x, condition, training):
        u = self.map.inverse(self.permutation.inverse(x, condition), condition, training)
        return self.permutation.forward(u, condition) if self.back else u


def _random(shape, dtype):
    keys = keras.initializers.RandomUniform(0.0, 1.0)(shape, "float32")
    return tf.cast(tf.argsort(keys), dtype)


def _rotated(shape, dtype):
    return tf.constant(np.roll(np.arange(shape[0]), 1), dtype)
