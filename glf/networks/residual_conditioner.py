"""RealNVP's network for couplings on images."""

import tensorflow as tf

from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D, ZeroConv2D
from glf.layers.track import track
from glf.networks.base import ImageConditioner


class ResidualConditioner(ImageConditioner):
    """A residual network of weight-normalised convolutions, each block as one equation:

      h ← h + conv3x3(relu(conv3x3(relu(h))))

    before and after them one convolution more (Dinh, Sohl-Dickstein, Bengio 2016, "RealNVP",
    section 3.6). The paper's batch normalisation is left out: a coupling's network is then the same
    function in training and after it. The last convolution starts at zero. A condition is
    concatenated to the input.

    The last three options are what the authors' program has besides: relu(x, -x) as the input, the
    sum of a convolution 1x1 of every block's state as the outcome of the blocks, and networks that
    grow wider as images get smaller.

    Args:
      units: number of outputs at each position.
      filters: number of features, at least 1.
      blocks: number of residual blocks, at least 0.
      double_input: whether x is replaced by relu(x, -x).
      skips: whether the states before the first block and after each one are summed.
      full_width: the width of an image at which there are `filters` features; at half of it there
        are twice as many, and so on. None: the same number everywhere.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range; in `build`, for an image wider than `full_width`.
    """

    _last = ZeroConv2D

    def __init__(
        self,
        units,
        *,
        filters=64,
        blocks=4,
        double_input=False,
        skips=False,
        full_width=None,
        dtype="float32",
    ):
        super().__init__(units, dtype=dtype)
        if units < 1 or filters < 1 or blocks < 0:
            raise ValueError(
                f"{type(self).__name__} needs units >= 1, filters >= 1 and blocks >= 0, got "
                f"{units}, {filters} and {blocks}."
            )
        self.filters, self.blocks = filters, blocks
        self.double_input, self.skips, self.full_width = double_input, skips, full_width

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1] + context_features(condition_shape)
        filters, dtype = self._filters_at(input_shape[2]), self.dtype
        self.first = SameConv2D((2 if self.double_input else 1) * inputs, filters, dtype=dtype)
        inner = [SameConv2D(filters, filters, dtype=dtype) for _ in range(self.blocks)]
        outer = [SameConv2D(filters, filters, dtype=dtype) for _ in range(self.blocks)]
        self.inner, self.outer = track(self, "inner", inner), track(self, "outer", outer)
        num = self.blocks + 1 if self.skips else 0
        skipping = [SameConv2D(filters, filters, 1, dtype=dtype) for _ in range(num)]
        self.skipping = track(self, "skip", skipping)
        self.last = self._last(filters, self.units, 1, dtype=dtype)

    def _filters_at(self, width):
        if self.full_width is None:
            return self.filters
        if width > self.full_width:
            raise ValueError(
                f"{type(self).__name__}.full_width={self.full_width} is less than the {width} "
                "columns of the image."
            )
        return self.filters * (self.full_width // width)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = with_context(inputs, condition)
        if self.double_input:
            h = tf.nn.relu(tf.concat([h, -h], axis=-1))
        h = self.first(h)
        states = [h]
        for inner, outer in zip(self.inner, self.outer, strict=True):
            h += outer(tf.nn.relu(inner(tf.nn.relu(h))))
            states.append(h)
        if self.skips:
            h = tf.add_n([skip(h) for skip, h in zip(self.skipping, states, strict=True)])
        return self.last(tf.nn.relu(h))
