"""A densely connected network for couplings on images."""

import tensorflow as tf

from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D, ZeroConv2D
from glf.layers.track import track
from glf.networks.base import ImageConditioner


class DenseNetConditioner(ImageConditioner):
    """Layers that each see all before them and add `growth` features to them:

      h ← (h, relu(conv3x3(relu(conv1x1(h)))))

    and a last convolution that starts at zero. The densely connected network of Hoogeboom, Peters,
    van den Berg, Welling 2019, "Integer Discrete Flows", with weight-normalised convolutions; there
    12 layers bring the features to 512. A condition is concatenated to the input.

    Args:
      units: number of outputs at each position.
      growth: features that a layer adds, at least 1.
      depth: number of layers, at least 1.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, units, *, growth=42, depth=12, dtype="float32"):
        super().__init__(units, dtype=dtype)
        if units < 1 or growth < 1 or depth < 1:
            raise ValueError(
                "DenseNetConditioner needs units >= 1, growth >= 1 and depth >= 1, got "
                f"{units}, {growth} and {depth}."
            )
        self.growth, self.depth = growth, depth

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1] + context_features(condition_shape)
        growth, options = self.growth, {"gain": 2.0**0.5, "dtype": self.dtype}
        sizes = [inputs + i * growth for i in range(self.depth + 1)]
        narrow = [SameConv2D(size, growth, 1, **options) for size in sizes[:-1]]
        self.narrow = track(self, "narrow", narrow)
        self.wide = track(self, "wide", [SameConv2D(growth, growth, **options) for _ in narrow])
        self.last = ZeroConv2D(sizes[-1], self.units, dtype=self.dtype)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = with_context(inputs, condition)
        for narrow, wide in zip(self.narrow, self.wide, strict=True):
            h = tf.concat([h, tf.nn.relu(wide(tf.nn.relu(narrow(h))))], axis=3)
        return self.last(h)
