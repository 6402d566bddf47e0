"""The contract of integer maps: integers in, integers out, an exact inverse, no determinant."""

import abc
import typing

import keras
import tensorflow as tf

from glf.core.checks import check_at_least
from glf.core.part import Part, made_by
from glf.core.shapes import checked_condition, known_event
from glf.layers.context import context_features

# No translation is larger, so that whatever the weights are, integers stay where float32 holds
# them exactly: below 2^24. See `MAX_ROUNDINGS`.
LARGEST_TRANSLATION = 2.0**16
# How many translations may follow each other.
MAX_ROUNDINGS = 120


class IntegerMap(Part, keras.layers.Layer, abc.ABC):
    """A bijection of images of integers, x on the data's side and u on the base's.

      forward(u) = x      inverse(x) = u      forward(inverse(x)) = x, to the last bit

    A bijection of a countable set moves probabilities without changing them: P(x) = P(u), and there
    is no log-determinant. As of a `Bijector`, forward goes to the data; as there, these methods are
    the same of all maps, check what they are given, and call `_forward` and `_inverse`.

    Integers are held in float32, [batch, height, width, channels], and are below 2^24 in magnitude,
    where float32 has all of them. `condition` is None or a context, see `glf.layers.context`.

    Args:
      unit: what networks call 1: they are shown x / unit, and give translations / unit. A power of
        two, so that the division is exact; given by code.

    Attributes:
      event_shape: of x, (height, width, channels), after `build`.
      base_shape: of u.
      roundings: how many rounded translations follow each other.
    """

    given_by_code = ("unit",)
    roundings = 0

    def __init__(self, *, unit=1):
        super().__init__(dtype="float32")
        check_at_least("The unit of integer maps", unit, 1)
        if unit & (unit - 1):
            raise ValueError(f"The unit of integer maps is a power of two, got {unit}.")
        self.unit = unit
        self.event_shape = None
        self.condition_shape = None

    @property
    def base_shape(self):
        """The shape of an event on the base's side."""
        return self.event_shape

    def build(self, input_shape, condition_shape=None):
        """Records the shapes, [None, h, w, c] and None or a context's; subclasses add weights.

        Raises:
          ValueError: if the shapes are not those of images and contexts.
        """
        self.event_shape = known_event(self, input_shape)
        self.condition_shape = None if condition_shape is None else tuple(condition_shape)
        if len(self.event_shape) != 3:
            raise ValueError(
                f"{type(self).__name__} works on images [batch, height, width, channels], got "
                f"points of shape {tuple(input_shape)}."
            )
        context_features(condition_shape)

    @typing.final
    def forward(self, u, condition=None, training=False):
        """Maps u to x.

        Raises:
          ValueError: if the layer is not built, or point or condition are of other shapes than it
            was built for.
        """
        return self._forward(*self._checked(u, self.base_shape, condition), training)

    @typing.final
    def inverse(self, x, condition=None, training=False):
        """Maps x to u. Raises as `forward` does."""
        return self._inverse(*self._checked(x, self.event_shape, condition), training)

    @abc.abstractmethod
    def _forward(self, u, condition, training):
        """x of integers in float32."""

    @abc.abstractmethod
    def _inverse(self, x, condition, training):
        """u of integers in float32."""

    def call(self, x, condition=None, training=False):
        """Keras' own way in: `inverse`."""
        return self.inverse(x, condition, training)

    def _checked(self, point, shape, condition):
        name = type(self).__name__
        if self.event_shape is None:
            raise ValueError(f"{name} has no weights yet; call build((None, h, w, c)) first.")
        point = tf.cast(point, "float32")
        if not point.shape[1:].is_compatible_with(shape) or point.shape.rank == 0:
            raise ValueError(
                f"{name} was built for integers of shape [batch, {', '.join(map(str, shape))}], "
                f"got {point.shape}."
            )
        return point, checked_condition(self, condition)


def integer_map(make, where, unit):
    """The `IntegerMap` that the factory `make` makes.

    Raises:
      ValueError: if it makes something else.
    """
    made = made_by(make, where, unit=unit)
    if not isinstance(made, IntegerMap):
        raise ValueError(f"{where} makes integer maps, got {made!r} of {make!r}.")
    return made


@tf.custom_gradient
def rounded(t):
    """t rounded to the nearest integer, halves to even, with the gradient of t itself.

    The straight-through estimate (Bengio, Léonard, Courville 2013, arXiv 1308.3432).
    """
    return tf.round(t), lambda gradient: gradient


def translation(t, unit):
    """What a network gives, as integers: unit t rounded, and within ±2^16."""
    return rounded(tf.clip_by_value(unit * t, -LARGEST_TRANSLATION, LARGEST_TRANSLATION))
