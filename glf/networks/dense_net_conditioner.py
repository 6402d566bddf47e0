"""A densely connected network for couplings on images."""

import tensorflow as tf

from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D, ZeroConv2D
from glf.layers.track import track
from glf.networks.base import ImageConditioner
from glf.networks.plain import HasPlainLayers, PlainConv


class DenseNetConditioner(ImageConditioner, HasPlainLayers):
    """Layers that each see all before them and add `growth` features to them:

      h ← (h, relu(conv3x3(relu(conv1x1(h)))))

    and a last convolution that starts at zero. The densely connected network of Hoogeboom, Peters,
    van den Berg, Welling 2019, "Integer Discrete Flows", with weight-normalised convolutions; there
    12 layers bring the features to 512. A condition is concatenated to the input.

    With `rezero` the last convolution starts at random, and learned numbers that start at 0, one
    for each output, multiply what it gives, as in van den Berg et al. 2020, "IDF++", arXiv
    2006.12459.

    Args:
      units: number of outputs at each position.
      growth: features that a layer adds, at least 1.
      depth: number of layers, at least 1.
      rezero: what starts at 0.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, units, *, growth=42, depth=12, rezero=False, dtype="float32"):
        super().__init__(units, dtype=dtype)
        if units < 1 or growth < 1 or depth < 1:
            raise ValueError(
                "DenseNetConditioner needs units >= 1, growth >= 1 and depth >= 1, got "
                f"{units}, {growth} and {depth}."
            )
        self.growth, self.depth, self.rezero = growth, depth, rezero

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1] + context_features(condition_shape)
        growth, options = self.growth, {"gain": 2.0**0.5, "dtype": self.dtype}
        sizes = [inputs + i * growth for i in range(self.depth + 1)]
        narrow = [SameConv2D(size, growth, 1, **options) for size in sizes[:-1]]
        self.narrow = track(self, "narrow", narrow)
        self.wide = track(self, "wide", [SameConv2D(growth, growth, **options) for _ in narrow])
        make_last = SameConv2D if self.rezero else ZeroConv2D
        self.last = make_last(sizes[-1], self.units, dtype=self.dtype)
        if self.rezero:
            self.alpha = self.add_weight(name="alpha", shape=(self.units,), initializer="zeros")

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = with_context(inputs, condition)
        for narrow, wide in zip(self.narrow, self.wide, strict=True):
            h = tf.concat([h, tf.nn.relu(wide(tf.nn.relu(narrow(h))))], axis=3)
        t = self.last(h)
        return tf.cast(self.alpha.value, t.dtype) * t if self.rezero else t

    def plain_layers(self):
        """See `HasPlainLayers`: with `rezero` the numbers are in the last kernel and bias."""
        layers, sources = [], (0,)
        for narrow, wide in zip(self.narrow, self.wide, strict=True):
            layers.append(PlainConv(*narrow.effective(), sources, True))
            layers.append(PlainConv(*wide.effective(), (len(layers),), True))
            sources = (*sources, len(layers))
        kernel, bias = self.last.effective()
        scale = self.alpha.value if self.rezero else 1.0
        return [*layers, PlainConv(scale * kernel, scale * bias, sources)]
