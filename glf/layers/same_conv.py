"""Convolutions that keep an image's height and width, as the networks of image flows use them."""

import keras
import tensorflow as tf

from glf.layers.weight_norm import WeightNormConv2D

# Bound on the logarithm of the learned output scales of `ZeroConv2D`.
LARGEST_LOG_SCALE = 8.0


class SameConv2D(WeightNormConv2D):
    """A convolution with the weight-normalised kernel g v / ||v||, padded with zeros.

    For inputs of mean square 1 the outputs have variances of about g²: there is no initialisation
    from data.

    Args:
      inputs: number of input features.
      filters: number of output features.
      size: side of the kernel, odd.
      gain: initial norm g of each output feature's kernel.
    """

    def __init__(self, inputs, filters, size=3, *, gain=1.0, dtype=None, name=None):
        half = size // 2
        super().__init__(
            inputs,
            filters,
            above=2 * half,
            left=half,
            right=half,
            gain=gain,
            dtype=dtype,
            name=name,
        )

    def effective(self):
        """The kernel as it is applied, g / ||v|| times v, and the bias."""
        # In an order that multiplies the whole kernel once, and so is differentiated in half as
        # many operations.
        v = tf.convert_to_tensor(self.direction.value)
        scale = self.gain.value * tf.math.rsqrt(tf.reduce_sum(tf.square(v), self.axes))
        kernel, bias = v * scale, self.bias.value
        return tf.cast(kernel, self.compute_dtype), tf.cast(bias, self.compute_dtype)

    def call(self, h):
        """[batch, height, width, inputs] to [batch, height, width, filters]."""
        kernel, bias = self.effective()
        return tf.nn.bias_add(tf.nn.conv2d(h, kernel, 1, "SAME"), bias)


class ZeroConv2D(keras.layers.Layer):
    """exp(3 s) (conv(h) + b), everything zero at the start, with a scale for each output.

    The last layer of Glow's networks (Kingma, Dhariwal 2018, section 3.3), with the learned scale
    of its code; |3 s| is kept below 8, so that no step of an optimizer makes it infinite.

    Args:
      inputs: number of input features.
      filters: number of output features.
      size: side of the kernel, odd.
    """

    def __init__(self, inputs, filters, size=3, *, dtype=None, name=None):
        super().__init__(dtype=dtype, name=name)
        shape = (size, size, inputs, filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")
        self.log_scale = self.add_weight(name="log_scale", shape=(filters,), initializer="zeros")
        self.built = True

    def call(self, h):
        """[batch, height, width, inputs] to [batch, height, width, filters]."""
        log_scale = tf.clip_by_value(
            3.0 * self.log_scale.value, -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE
        )
        # The weights are scaled in place of the features: there are fewer of them.
        scale = tf.exp(log_scale)
        h = tf.nn.conv2d(h, self.kernel.value * scale, 1, "SAME")
        return tf.nn.bias_add(h, self.bias.value * scale)
