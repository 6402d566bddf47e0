"""A residual network whose every block begins as the identity."""

import tensorflow as tf

from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D
from glf.layers.track import track
from glf.networks.base import ImageConditioner
from glf.networks.plain import HasPlainLayers, PlainConv


class RezeroConditioner(ImageConditioner, HasPlainLayers):
    """A convolution, residual blocks, a convolution 1x1, with learned numbers α that start at 0:

      h ← h + α_i conv3x3(relu(conv3x3(h)))      t = α ⊙ conv1x1(relu(h))

    ("ReZero", Bachlechner et al. 2020, arXiv 2003.04887, as van den Berg et al. 2020, "IDF++",
    arXiv 2006.12459, have it in the networks of integer flows.) Convolutions are weight-normalised.
    A condition is concatenated to the input.

    Args:
      units: number of outputs at each position.
      filters: number of features, at least 1.
      blocks: number of residual blocks, at least 0.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, units, *, filters=64, blocks=2, dtype="float32"):
        super().__init__(units, dtype=dtype)
        if units < 1 or filters < 1 or blocks < 0:
            raise ValueError(
                "RezeroConditioner needs units >= 1, filters >= 1 and blocks >= 0, got "
                f"{units}, {filters} and {blocks}."
            )
        self.filters, self.blocks = filters, blocks

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1] + context_features(condition_shape)
        filters, dtype = self.filters, self.dtype
        self.first = SameConv2D(inputs, filters, dtype=dtype)
        inner = [
            SameConv2D(filters, filters, gain=2.0**0.5, dtype=dtype) for _ in range(self.blocks)
        ]
        outer = [SameConv2D(filters, filters, dtype=dtype) for _ in range(self.blocks)]
        self.inner, self.outer = track(self, "inner", inner), track(self, "outer", outer)
        self.last = SameConv2D(filters, self.units, 1, dtype=dtype)
        if self.blocks:
            self.alphas = self.add_weight(name="alphas", shape=(self.blocks,), initializer="zeros")
        self.alpha = self.add_weight(name="alpha", shape=(self.units,), initializer="zeros")

    def call(self, inputs, condition=None, training=False):
        """Returns the numbers, [batch, h, w, units]."""
        h = self.first(with_context(inputs, condition))
        for i, (inner, outer) in enumerate(zip(self.inner, self.outer, strict=True)):
            h += tf.cast(self.alphas[i], h.dtype) * outer(tf.nn.relu(inner(h)))
        return tf.cast(self.alpha.value, h.dtype) * self.last(tf.nn.relu(h))

    def plain_layers(self):
        """See `HasPlainLayers`: the numbers α are in kernels and biases."""
        relu = not self.blocks
        layers, state = [PlainConv(*self.first.effective(), (0,), relu)], 1
        for i, (inner, outer) in enumerate(zip(self.inner, self.outer, strict=True)):
            layers.append(PlainConv(*inner.effective(), (state,), True))
            scaled = [self.alphas[i] * part for part in outer.effective()]
            relu = i == self.blocks - 1
            layers.append(PlainConv(*scaled, (len(layers),), relu, state))
            state = len(layers)
        scaled = [self.alpha.value * part for part in self.last.effective()]
        return [*layers, PlainConv(*scaled, (state,))]
