"""A masked convolutional network: parameters of every value of an image from those before it."""

import math

import numpy as np
import tensorflow as tf

from glf.layers.add_context import AddContext
from glf.layers.causal_conv import CausalConv2D
from glf.layers.track import track
from glf.networks.base import MaskedNetwork, OnePlaceAtATime


class MaskedImageNetwork(MaskedNetwork, OnePlaceAtATime):
    """Parameters of every x_i from values before it, row by row, channels fastest.

      h ← conv_A(x) + V_0 context      h ← h + conv_B(elu(h)) + V_l context
      θ = conv_B(elu(h)), the last one of size 1x1

    Masked convolutions as in PixelCNN (van den Oord et al. 2016, "Pixel Recurrent Neural Networks",
    section 3.4): A sees pixels before its own and lower channels of its own pixel, B its own
    channel's features too. Plain masked convolutions have a blind spot: some pixels above and to
    the right are never seen. For an autoregressive flow that costs flexibility, nothing else.

    Args:
      parameters: number of outputs for every value, at least 1.
      filters: number of features, at least 1; rounded up to a multiple of the channels.
      layers: number of B convolutions, at least 0.
      first_kernel: side of A's kernel, odd, at least 3.

    Shapes: call maps [batch, height, width, c] (and a context, see `glf.layers.context`) to
    [batch, height, width, c, parameters].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, parameters, *, filters=32, layers=3, first_kernel=5, dtype="float32"):
        super().__init__(parameters, dtype=dtype)
        if min(parameters, filters) < 1 or layers < 0 or first_kernel < 3 or first_kernel % 2 == 0:
            raise ValueError(
                "MaskedImageNetwork needs parameters >= 1, filters >= 1, layers >= 0 and an odd "
                f"first_kernel >= 3, got {parameters}, {filters}, {layers} and {first_kernel}."
            )
        self.filters, self.layers = filters, layers
        self.first_kernel = first_kernel

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, c] and contexts."""
        channels = input_shape[-1]
        event = tuple(input_shape[1:])
        self.places = np.arange(1, 1 + math.prod(event)).reshape(event)
        features = -(-self.filters // channels) * channels
        options = {"groups": channels, "dtype": self.dtype}
        size = self.first_kernel
        first = {"rows": size // 2 + 1, "columns": size, "mask": "A"}
        convolutions = [CausalConv2D(channels, features, **first, **options)]
        convolutions += [CausalConv2D(features, features, **options) for _ in range(self.layers)]
        self.convolutions = track(self, "convolution", convolutions)
        last = {"rows": 1, "columns": 1, "initializer": "zeros"}
        self.last = CausalConv2D(features, channels * self.parameters, **last, **options)
        of_context = [AddContext(features, dtype=self.dtype) for _ in convolutions]
        self.of_context = track(self, "of_context", of_context)
        for layer in of_context:
            layer.build(condition_shape)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, c, parameters]."""
        first, *others = self.convolutions
        h = self.of_context[0](_padded(first, inputs), condition)
        for convolution, add_context in zip(others, self.of_context[1:], strict=True):
            h = add_context(h + _padded(convolution, tf.nn.elu(h)), condition)
        raw = self.last.convolve(tf.nn.elu(h))
        return tf.reshape(raw, (-1, *inputs.shape[1:], self.parameters))

    def begin(self, num, condition=None):
        """See `OnePlaceAtATime`: what every convolution sees, padded, and what the context adds."""
        height, width = self.places.shape[:2]
        seen, weights, added = [], [], []
        for convolution, add_context in zip(self.convolutions, self.of_context, strict=True):
            kernel, bias = convolution.effective()
            padded = (height + convolution.above) * (width + 2 * convolution.side)
            seen.append(tf.zeros([padded, num, kernel.shape[2]], kernel.dtype))
            weights.append((tf.reshape(kernel, (-1, kernel.shape[3])), bias))
            if condition is not None:
                none = tf.zeros([num, height, width, kernel.shape[3]], kernel.dtype)
                context = tf.reshape(add_context(none, condition), [num, height * width, -1])
                added.append(tf.ensure_shape(context, [None, None, kernel.shape[3]]))
        kernel, bias = self.last.effective()
        weights.append((kernel[0, 0], bias))
        return {"seen": seen, "weights": weights, "added": added}

    def at_place(self, place, inputs, state):
        """See `OnePlaceAtATime`: the features of the value's pixel; once for each channel."""
        width, channels = self.places.shape[1:]
        pixel, channel = (place - 1) // channels, (place - 1) % channels
        flat = tf.reshape(inputs, (-1, self.places.size // channels, channels))
        first, *others = state["seen"]
        # The last channel of the pixel before has become known since that pixel's turn.
        for index in (tf.maximum(pixel - 1, 0), pixel):
            first = _seen_at(self.convolutions[0], first, index, width, flat[:, index])
        seen, h = [first], 0.0
        for i, (convolution, (kernel, bias)) in enumerate(
            zip(self.convolutions, state["weights"][:-1], strict=True)
        ):
            if i:
                seen.append(_seen_at(convolution, others[i - 1], pixel, width, tf.nn.elu(h)))
            h += tf.matmul(_field(convolution, seen[i], pixel, width), kernel) + bias
            if state["added"]:
                h += state["added"][i][:, pixel]
        kernel, bias = state["weights"][-1]
        numbers = tf.reshape(
            tf.matmul(tf.nn.elu(h), kernel) + bias, [-1, channels, self.parameters]
        )
        return numbers[:, channel], {**state, "seen": seen}


def _seen_at(convolution, seen, pixel, width, values):
    """`seen`, padded pixels [p, n, f] of which a convolution sees some, with `values` [n, f]."""
    row, column = pixel // width + convolution.above, pixel % width + convolution.side
    index = row * (width + 2 * convolution.side) + column
    return tf.tensor_scatter_nd_update(seen, [[index]], values[None])


def _field(convolution, seen, pixel, width):
    """What a convolution sees of `seen` at a pixel, [n, rows * columns * f]."""
    across = width + 2 * convolution.side
    rows = np.arange(convolution.above + 1)[:, None] * across
    offsets = (rows + np.arange(2 * convolution.side + 1)).reshape(-1)
    field = tf.gather(seen, pixel // width * across + pixel % width + offsets)
    field = tf.transpose(field, [1, 0, 2])
    return tf.reshape(field, [-1, field.shape[1] * field.shape[2]])


def _padded(convolution, h):
    above, side = convolution.above, convolution.side
    return convolution.convolve(tf.pad(h, [[0, 0], [above, 0], [side, side], [0, 0]]))
