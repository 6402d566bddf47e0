"""Glow's network for couplings on images."""

import tensorflow as tf

from glf.core.traced_once import traced_once
from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D, ZeroConv2D, normalised_conv, scaled_conv
from glf.networks.base import ImageConditioner


class GlowConditioner(ImageConditioner):
    """conv 3x3, relu, conv 1x1, relu, conv 3x3 (Kingma, Dhariwal 2018, "Glow", section 3.3).

    The last convolution starts at zero and has a learned scale for each output. Where Glow puts an
    actnorm, initialised by data, after each hidden convolution, the kernels are weight-normalised:
    also a learned scale and shift for each feature, and no data is needed. A condition is
    concatenated to the input.

    Args:
      units: number of outputs at each position.
      filters: width of the hidden layers, at least 1.
      edge_bias: whether the two 3x3 convolutions see where the image ends, as Glow's do; see
        `glf.layers.same_conv`.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, units, *, filters=512, edge_bias=False, dtype="float32"):
        super().__init__(units, dtype=dtype)
        if units < 1 or filters < 1:
            raise ValueError(
                f"GlowConditioner needs units >= 1 and filters >= 1, got {units} and {filters}."
            )
        self.filters, self.edge_bias = filters, edge_bias

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1] + context_features(condition_shape)
        # A relu halves the mean square of what a convolution gives.
        gain = {"gain": 2.0**0.5, "dtype": self.dtype}
        edges = {"edge_bias": self.edge_bias}
        self.first = SameConv2D(inputs, self.filters, **gain, **edges)
        self.second = SameConv2D(self.filters, self.filters, 1, **gain)
        self.last = ZeroConv2D(self.filters, self.units, dtype=self.dtype, **edges)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = with_context(inputs, condition)
        return _network(h, self.first.values(), self.second.values(), self.last.values())


@traced_once
def _network(h, first, second, last):
    h = tf.nn.relu(normalised_conv(h, *first))
    h = tf.nn.relu(normalised_conv(h, *second))
    return scaled_conv(h, *last)
