"""Convolutions with normalised weights (Salimans and Kingma 2016, arXiv 1602.07868)."""

import keras
import tensorflow as tf

from glf.layers.bias import add_bias
from glf.layers.product_conv import valid_conv


class _Normalised(keras.layers.Layer):
    """A kernel g v / ||v||, the norm over all that an output feature is made of, and a bias."""

    def __init__(self, shape, output_axis, gain, dtype):
        super().__init__(dtype=dtype)
        filters = shape[output_axis]
        self.axes = [axis for axis in range(4) if axis != output_axis]
        self.gain_shape = [filters if axis == output_axis else 1 for axis in range(4)]
        self.direction = self.add_weight(
            name="direction", shape=shape, initializer=keras.initializers.RandomNormal(stddev=0.05)
        )
        self.gain = self.add_weight(
            name="gain", shape=(filters,), initializer=keras.initializers.Constant(gain)
        )
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")
        self.held = None  # see `glf.layers.causal_conv.hold_weights`
        self.built = True

    def effective(self):
        """The kernel as it is applied, normalised, and the bias."""
        v = self.direction.value
        unit = v * tf.math.rsqrt(tf.reduce_sum(tf.square(v), self.axes, keepdims=True))
        kernel = tf.reshape(self.gain.value, self.gain_shape) * unit
        return tf.cast(kernel, self.compute_dtype), tf.cast(self.bias.value, self.compute_dtype)


class WeightNormConv2D(_Normalised):
    """A convolution of rows at or above its own with the kernel g v / ||v||, without masks.

    Spans `above` + 1 rows, the own one last, and `left` + 1 + `right` columns. The kernels' norms
    start at `gain`; there is no initialisation from data.

    Args:
      inputs: number of input features.
      filters: number of output features.
      above: rows seen above the own.
      left: columns seen to the left of the own.
      right: columns seen to the right of the own.
      stride: 1, or 2 to halve height and width.
      gain: initial norm g of each output feature's kernel.
    """

    def __init__(
        self,
        inputs,
        filters,
        *,
        above=0,
        left=0,
        right=0,
        stride=1,
        gain=1.0,
        dtype=None,
    ):
        shape = (above + 1, left + 1 + right, inputs, filters)
        super().__init__(shape, 3, gain, dtype)
        self.above, self.left, self.right, self.stride = above, left, right, stride

    def through(self, view, h, scale=1):
        """h of a `View`, `scale` times smaller than the image, to [n, rows, columns, filters]."""
        if self.above or self.left or self.right:
            h = view.around(h, self.above, self.left, self.right, scale)
        return self.convolve(h)

    def convolve(self, padded):
        """The convolution without padding."""
        kernel, bias = self.held or self.effective()
        y = valid_conv(tf.cast(padded, kernel.dtype), kernel, self.stride)
        return add_bias(y, bias)


class WeightNormUpsampling2D(_Normalised):
    """A transposed convolution with the kernel g v / ||v|| that doubles height and width.

    Each input pixel (r, c) is spread over rows 2r and 2r + 1 and over the columns from 2c - `left`
    to 2c + 1, so that no output row depends on an input row below its own.

    Args:
      inputs: number of input features.
      filters: number of output features.
      left: 0 or 1.
      gain: initial norm g of each output feature's kernel.
    """

    def __init__(self, inputs, filters, *, left=0, gain=1.0, dtype=None):
        super().__init__((2, 2 + left, filters, inputs), 2, gain, dtype)
        self.left, self.filters = left, filters

    def convolve(self, h):
        """[n, rows, columns, inputs] to [n, 2 rows, 2 columns, filters]."""
        kernel, bias = self.held or self.effective()
        h = tf.cast(h, kernel.dtype)
        rows, columns = 2 * h.shape[1], 2 * h.shape[2]
        shape = [tf.shape(h)[0], rows, columns + self.left, self.filters]
        y = tf.nn.conv2d_transpose(h, kernel, shape, 2, "VALID")[:, :, self.left :]
        return add_bias(tf.ensure_shape(y, [None, rows, columns, self.filters]), bias)
