"""The contract of every bijector: a Keras layer that owns weights, with two fused methods."""

import abc
import typing

import keras
import tensorflow as tf

from glf.core.part import Part
from glf.core.shapes import checked_condition, known_event
from glf.layers.context import context_features


class Bijector(Part, keras.layers.Layer):
    """An invertible map between base noise u and data y, with both log-determinants.

    `forward` goes from the base to the data (to sample), `inverse` from the data to the base (for
    the density), as in TensorFlow Probability. The fused methods return the image of the point and
    the log-determinant of the very map they applied, from one evaluation of any network inside:

      forward_and_log_det(u) = (y, log|det dy/du|)      forward(u) = y
      inverse_and_log_det(y) = (u, log|det du/dy|)      inverse(y) = u

    Points have shape [batch, ...event], log-determinants [batch], in nats. An event has the shape
    `event_shape` on the data's side and `base_shape` on the base's: the same, but for bijectors
    that rearrange. `condition` is None or a tensor that every example's map may depend on: [batch,
    c] for vectors, [batch, height or 1, width or 1, c] for images, see `glf.layers.context`. A
    bijector built for a condition must be given one, also where its map ignores it. `training`
    matters only to bijectors that hold batch statistics, are initialised by data, or drop out
    features: those need a `glf.core.mode.Training` in place of True. A layer whose `trainable` is
    False is never in training, as those of Keras.

    These methods are the same of all bijectors: they check what they are given. A subclass writes
    the mathematics, `_forward` and `_inverse`, in operations of TensorFlow alone: AutoGraph, which
    would read its statements for conditions and loops on tensors, leaves them as they are.

    The layer owns all parameters, made in `build` alone. `as_tfp` hands out a stateless TFP view
    built on the spot. Flow arithmetic is in the layer's dtype, float32 unless told, whatever the
    global policy.

    Attributes:
      of_unit_interval: whether it is for data in [0, 1] alone.
    """

    given_by_code = ("dtype",)
    of_unit_interval = False

    def __init__(self, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.event_shape = None
        self.condition_shape = None

    @property
    def base_shape(self):
        """The shape of an event on the base's side."""
        return self.event_shape

    def build(self, input_shape, condition_shape=None):
        """Records the shapes, [None, ...event] and None or [None, ...]; subclasses add weights.

        Raises:
          ValueError: if the event's shape is not fully known.
        """
        self.event_shape = known_event(self, input_shape)
        self.condition_shape = None if condition_shape is None else tuple(condition_shape)

    @typing.final
    @tf.autograph.experimental.do_not_convert
    def forward_and_log_det(self, u, condition=None, training=False):
        """Maps base `u` to data `y`; returns (y, log|det dy/du|).

        Raises:
          ValueError: if the layer is not built, if the point's event is not the one it was built
            for, or if there is a condition where none was announced, or none where one was.
        """
        training = training if self.trainable else False
        return self._forward(*self._checked(u, self.base_shape, condition), training)

    @typing.final
    @tf.autograph.experimental.do_not_convert
    def inverse_and_log_det(self, y, condition=None, training=False):
        """Maps data `y` to base `u`; returns (u, log|det du/dy|). Raises as the forward does."""
        training = training if self.trainable else False
        return self._inverse(*self._checked(y, self.event_shape, condition), training)

    @typing.final
    def forward(self, u, condition=None, training=False):
        """The y of `forward_and_log_det`."""
        return self.forward_and_log_det(u, condition, training)[0]

    @typing.final
    def inverse(self, y, condition=None, training=False):
        """The u of `inverse_and_log_det`."""
        return self.inverse_and_log_det(y, condition, training)[0]

    def drafted(self, point, condition=None, forward=False):
        """Where `point` goes, and how far the drafts of slow directions are from right there.

        Returns (image, loss): `forward` of a base point or `inverse` of data, outside of training,
        and [batch], the sum of half the squared errors of all drafts inside, see
        `AutoregressiveBijector`; 0 where there is none. Only the drafts' weights get a gradient of
        it.
        """
        image = (self.forward if forward else self.inverse)(point, condition)
        return image, tf.zeros(tf.shape(image)[:1], image.dtype)

    @abc.abstractmethod
    def _forward(self, u, condition, training):
        """The forward of tensors in the layer's dtype: (y, log|det dy/du|)."""

    @abc.abstractmethod
    def _inverse(self, y, condition, training):
        """The inverse of tensors in the layer's dtype: (u, log|det du/dy|)."""

    def call(self, y, condition=None, training=False):
        """Keras' own way in: the inverse direction, `(u, log|det du/dy|)`."""
        return self.inverse_and_log_det(y, condition, training)

    def as_tfp(self, condition=None):
        """A stateless `tfb.Bijector` with this layer's present weights and the given condition.

        The view takes points [...sample, batch, ...event], and without a condition any number of
        leading axes.
        """
        from glf.bijectors.view import TFPView  # loads TensorFlow Probability

        return TFPView(self, condition)

    def _checked(self, point, shape, condition):
        """Point, an event of `shape`, and condition as tensors in the layer's dtype."""
        name = type(self).__name__
        if self.event_shape is None:
            raise ValueError(f"{name} has no weights yet; call build((None, ...event)) first.")
        point = tf.cast(point, self.compute_dtype)
        if not point.shape[1:].is_compatible_with(shape) or point.shape.rank == 0:
            raise ValueError(
                f"{name} was built for points of shape [batch, {', '.join(map(str, shape))}], got "
                f"{point.shape}."
            )
        return point, checked_condition(self, condition)


class VectorBijector(Bijector):
    """A bijector of vectors: points have shape [batch, d] with a known d."""

    def build(self, input_shape, condition_shape=None):
        """Records the shapes, [None, d] and None or [None, c]; subclasses add weights.

        Raises:
          ValueError: if the shapes are not those of vectors of known size.
        """
        super().build(input_shape, condition_shape)
        for kind, shape in (("points", input_shape), ("conditions", condition_shape)):
            if shape is not None and (len(shape) != 2 or shape[1] is None):
                raise ValueError(
                    f"{type(self).__name__} works on {kind} of shape [batch, size] with a known "
                    f"size, got {tuple(shape)}; flatten them first."
                )

    @property
    def size(self):
        """The number of dimensions, d."""
        return self.event_shape[0]


class ImageBijector(Bijector):
    """A bijector of images: points have shape [batch, height, width, channels], all known."""

    def build(self, input_shape, condition_shape=None):
        """Records the shapes, [None, h, w, c] and None or a context's; subclasses add weights.

        Raises:
          ValueError: if the shapes are not those of images and contexts.
        """
        super().build(input_shape, condition_shape)
        if len(self.event_shape) != 3:
            raise ValueError(
                f"{type(self).__name__} works on images [batch, height, width, channels], got "
                f"points of shape {tuple(input_shape)}."
            )
        context_features(condition_shape)


def same_for_all(log_det, point):
    """Repeats a scalar log-determinant for every example of `point`: shape [batch]."""
    batch = point.shape[:1]
    # Where the size of the batch is known the graph needs no operations to find it.
    shape = batch if batch.is_fully_defined() else tf.shape(point)[:1]
    return tf.fill(shape, tf.cast(log_det, point.dtype))
