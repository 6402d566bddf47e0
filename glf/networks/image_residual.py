"""RealNVP's network for couplings on images."""

import keras
import tensorflow as tf

from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D, ZeroConv2D
from glf.layers.track import track


class ResidualConditioner(keras.layers.Layer):
    """A residual network of weight-normalised convolutions, each block as one equation:

      h ← h + conv3x3(relu(conv3x3(relu(h))))

    before and after them one convolution more (Dinh, Sohl-Dickstein, Bengio 2016, "RealNVP",
    section 3.6). The paper's batch normalisation is left out: a coupling's network is then the same
    function in training and after it. The last convolution starts at zero. A condition is
    concatenated to the input.

    Args:
      units: number of outputs at each position.
      filters: number of features, at least 1.
      blocks: number of residual blocks, at least 0.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    _last = ZeroConv2D

    def __init__(self, units, *, filters=64, blocks=4, dtype="float32", name=None):
        super().__init__(dtype=dtype, name=name)
        if units < 1 or filters < 1 or blocks < 0:
            raise ValueError(
                f"{type(self).__name__} needs units >= 1, filters >= 1 and blocks >= 0, got "
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
        self.last = self._last(filters, self.units, 1, dtype=dtype)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = self.first(with_context(inputs, condition))
        for inner, outer in zip(self.inner, self.outer, strict=True):
            h += outer(tf.nn.relu(inner(tf.nn.relu(h))))
        return self.last(tf.nn.relu(h))
