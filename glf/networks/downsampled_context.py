"""Contexts made of contexts: learned features for the scales of a flow."""

import keras
import tensorflow as tf

from glf.layers.context import context_features
from glf.networks.base import ContextNetwork


class DownsampledContext(ContextNetwork):
    """A convolution 2x2 with stride 2: half the height and width, as many features.

    The authors of conditional flows give every level of theirs such features for super-resolution
    (Winkler, Worrall, Hoogeboom, Welling 2019, arXiv 1912.00042, and its code). A side of 1, which
    says the same everywhere, stays as it is, and a context of 1 x 1 positions unchanged.

    Shapes: call maps [batch, height, width, n] to [batch, height / 2, width / 2, n].

    Raises:
      ValueError: in `build`, for a side that is odd and not 1.
    """

    def __init__(self, *, dtype="float32"):
        super().__init__(dtype=dtype)

    def build(self, condition_shape):
        """Makes the kernel for contexts [None, height, width, n]."""
        features = context_features(condition_shape)
        sides = tuple(condition_shape[1:3])
        if any(side % 2 and side != 1 for side in sides):
            raise ValueError(
                f"DownsampledContext halves a context of {sides[0]} x {sides[1]} positions, but "
                "one of these is odd; use fewer scales, or images of other sizes."
            )
        # What a side of 1 has is not multiplied: it has one place in the kernel.
        self.strides = tuple(1 if side == 1 else 2 for side in sides)
        self.context_shape = (
            None,
            *(side // stride for side, stride in zip(sides, self.strides, strict=True)),
            features,
        )
        if self.strides != (1, 1):
            self.kernel = self.add_weight(
                name="kernel",
                shape=(*self.strides, features, features),
                initializer=keras.initializers.VarianceScaling(distribution="untruncated_normal"),
            )
            self.bias = self.add_weight(name="bias", shape=(features,), initializer="zeros")

    def call(self, condition):
        """[batch, height, width, n] to [batch, height / 2, width / 2, n]."""
        condition = tf.cast(condition, self.compute_dtype)
        if self.strides == (1, 1):
            return condition
        h = tf.nn.conv2d(condition, self.kernel.value, self.strides, "VALID")
        return tf.nn.bias_add(h, self.bias.value)
