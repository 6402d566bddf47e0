"""A scale and shift for every dimension or channel, initialised by the first batch."""

import math

import tensorflow as tf

from glf.bijectors.base import Bijector, same_for_all
from glf.layers.context import context_features, flat, grouped
from glf.layers.moments import batch_moments, check_spread, num_replicas, set_once

_ADVICE = (
    "Initialise it by more examples (train.init_examples), or take a larger batch; of images, "
    "per_pixel=False takes both over the pixels, too."
)


class ActNorm(Bijector):
    """u = exp(s) y + t, log|det du/dy| = m Σ s (Kingma, Dhariwal 2018, "Glow", section 3.1).

    Vectors [batch, d] have a scale and a shift for every dimension, m = 1. Images [batch, h, w, c]
    have them for every channel, m = h w; or, with `per_pixel`, for every channel of every pixel, m
    = 1, as in Flow++ (Ho, Chen, Srinivas, Duan, Abbeel 2019).

    The first call with training=True, in either direction, sets s and t so that the outcome of
    that call has mean 0 over its batch (and all positions, where they share a scale), and where the
    variance was σ², it is σ² / (σ² + 1e-6). From then on they are ordinary weights. Whether that
    has happened is itself a weight, so that a restored flow is not initialised again. Later calls
    do not look at the batch, except under a strategy with several replicas, which have to reduce
    together in every step.

    Args:
      per_pixel: whether every pixel of an image has scales and shifts of its own.
      groups: the channels are so many equal groups one after the other, which have the same scales
        and shifts: 4 for features of the group p4, see `glf.layers.plane_groups`.

    Raises:
      ValueError: in `build`, if the channels are not so many groups; if it is to be initialised by
        one value for each scale: by a batch of one vector, or of one image with `per_pixel`.
    """

    # Keeps the scale finite for a dimension that is constant in the first batch.
    epsilon = 1e-6

    def __init__(self, per_pixel=False, groups=1, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if groups < 1 or (per_pixel and groups > 1):
            raise ValueError(
                "ActNorm.groups must be at least 1, and 1 with per_pixel, where nothing is shared; "
                f"got groups={groups}, per_pixel={per_pixel}."
            )
        self.per_pixel, self.groups = per_pixel, groups

    def build(self, input_shape, condition_shape=None):
        """Makes s = 0 and t = 0, to be initialised.

        Raises:
          ValueError: if the shapes are neither those of vectors nor those of images.
        """
        super().build(input_shape, condition_shape)
        _check_shapes(self.event_shape, condition_shape)
        if self.event_shape[-1] % self.groups:
            raise ValueError(
                f"ActNorm.groups={self.groups} are equal groups of the channels, got "
                f"{self.event_shape[-1]}."
            )
        shape = self.event_shape
        if not self.per_pixel:
            shape = (self.event_shape[-1] // self.groups,)
        self.log_scale = self.add_weight(name="log_scale", shape=shape, initializer="zeros")
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros")
        self.initialized = self.add_weight(
            name="initialized",
            shape=(),
            initializer="zeros",
            trainable=False,
        )

    def _initialize(self, point, forward):
        if num_replicas() == 1 and not self._known_to_be_done():
            check_spread(point, self._axes(point), type(self).__name__, _ADVICE)
        set_once(self.initialized, lambda: self._start(point, forward))

    def _axes(self, point):
        return range(point.shape.rank - len(self.shift.shape))

    def _known_to_be_done(self):
        """Whether the weights stand already, looked at while a graph is made, too."""
        with tf.init_scope():
            return tf.executing_eagerly() and float(self.initialized.value) > 0

    def _start(self, point, forward):
        mean, variance = batch_moments(point, self._axes(point))
        log_std = 0.5 * tf.math.log(variance + self.epsilon)
        # forward: (u - t) exp(-s); inverse: y exp(s) + t.
        log_scale = log_std if forward else -log_std
        shift = mean if forward else -mean * tf.exp(-log_std)
        return (self.log_scale, log_scale), (self.shift, shift)

    def _log_det(self, log_scale, point):
        repeats = math.prod(self.event_shape) // math.prod(self.shift.shape)
        total = tf.reduce_sum(tf.cast(log_scale, tf.float64))
        return same_for_all(repeats * total, point)

    def _forward(self, u, condition, training):
        """y = exp(-s) (u - t), and -m Σ s."""
        if training:
            self._initialize(self._grouped(u), forward=True)
        log_scale = -tf.convert_to_tensor(self.log_scale.value)
        y = (self._grouped(u) - self.shift.value) * tf.exp(log_scale)
        return self._whole(y), self._log_det(log_scale, u)

    def _inverse(self, y, condition, training):
        """u = exp(s) y + t, and m Σ s."""
        if training:
            self._initialize(self._grouped(y), forward=False)
        log_scale = tf.convert_to_tensor(self.log_scale.value)
        u = self._grouped(y) * tf.exp(log_scale) + self.shift.value
        return self._whole(u), self._log_det(log_scale, y)

    def _grouped(self, point):
        return point if self.groups == 1 else grouped(point, self.groups)

    def _whole(self, point):
        return point if self.groups == 1 else flat(point)


def _check_shapes(event_shape, condition_shape):
    if len(event_shape) == 3:
        context_features(condition_shape)
    elif len(event_shape) != 1:
        raise ValueError(
            "ActNorm works on vectors [batch, size] and on images [batch, height, width, "
            f"channels], got points of shape {(None, *event_shape)}; flatten them first."
        )
    elif condition_shape is not None and len(condition_shape) != 2:
        raise ValueError(
            "With vectors ActNorm works on conditions of shape [batch, size], got "
            f"{tuple(condition_shape)}; flatten them first."
        )
