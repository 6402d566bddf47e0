"""A network that makes an image into a context."""

import keras
import tensorflow as tf

from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D
from glf.layers.track import track


class ImageContext(keras.layers.Layer):
    """Features of an image at each of its positions: a convolution 3x3 and residual blocks.

      h ← conv3x3(x)      h ← h + conv3x3(relu(conv3x3(relu(h))))      features = conv1x1(relu(h))

    Kernels are weight-normalised; none starts at zero, for what is made of the features does. A
    condition is concatenated to the input.

    Args:
      units: number of features given at each position, at least 1.
      filters: width of the hidden layers, at least 1.
      blocks: number of residual blocks, at least 0.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, units, *, filters=32, blocks=2, dtype="float32", name=None):
        super().__init__(dtype=dtype, name=name)
        if units < 1 or filters < 1 or blocks < 0:
            raise ValueError(
                "ImageContext needs units >= 1, filters >= 1 and blocks >= 0, got "
                f"{units}, {filters} and {blocks}."
            )
        self.units, self.filters, self.blocks = units, filters, blocks

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1] + context_features(condition_shape)
        filters, dtype = self.filters, self.dtype
        self.first = SameConv2D(inputs, filters, dtype=dtype)
        inner = [SameConv2D(filters, filters, dtype=dtype) for _ in range(self.blocks)]
        outer = [SameConv2D(filters, filters, dtype=dtype) for _ in range(self.blocks)]
        self.inner, self.outer = track(self, "inner", inner), track(self, "outer", outer)
        self.last = SameConv2D(filters, self.units, 1, dtype=dtype)

    def call(self, inputs, condition=None, training=False):
        """Returns the features, [batch, h, w, units]."""
        h = self.first(with_context(inputs, condition))
        for inner, outer in zip(self.inner, self.outer, strict=True):
            h += outer(tf.nn.relu(inner(tf.nn.relu(h))))
        return self.last(tf.nn.relu(h))
