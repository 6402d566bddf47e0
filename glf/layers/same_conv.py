"""Convolutions that keep an image's height and width, as the networks of image flows use them.

With `edge_bias` they see where the image ends, as all of Glow's do (its code's `add_edge_padding`):
the padded input has one feature more, 1 in the padding and 0 within. Without it, features of 0
within cannot be told from padding, and a convolution of zeros is the same everywhere.
"""

import keras
import numpy as np
import tensorflow as tf

from glf.core.traced_once import values
from glf.layers.product_conv import same_conv
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
      edge_bias: whether the kernel has a part for the padding; one of size 1 has none.
    """

    def __init__(self, inputs, filters, size=3, *, gain=1.0, edge_bias=False, dtype=None):
        half = size // 2
        super().__init__(
            inputs + _edge_features(edge_bias, size),
            filters,
            above=2 * half,
            left=half,
            right=half,
            gain=gain,
            dtype=dtype,
        )
        self.kept = None

    def make_kernel(self):
        """Kernel and bias of `normalised_conv` without a gain."""
        return normalised(self.direction.value, self.gain.value), self.bias.value

    def values(self):
        """The arguments of `normalised_conv` after the first."""
        if self.kept is None:
            return values(self.direction, self.bias, self.gain)
        return tuple(variable.value() for variable in self.kept)

    def call(self, h):
        """[batch, height, width, inputs] to [batch, height, width, filters]."""
        return normalised_conv(h, *self.values())


class ZeroConv2D(keras.layers.Layer):
    """exp(3 s) (conv(h) + b), everything zero at the start, with a scale for each output.

    The last layer of Glow's networks (Kingma, Dhariwal 2018, section 3.3), with the learned scale
    of its code; |3 s| is kept below 8, so that no step of an optimizer makes it infinite.

    Args:
      inputs: number of input features; with `edge_bias` it may be 0.
      filters: number of output features.
      size: side of the kernel, odd.
      edge_bias: whether the kernel has a part for the padding; one of size 1 has none.
    """

    def __init__(self, inputs, filters, size=3, *, edge_bias=False, dtype=None):
        super().__init__(dtype=dtype)
        shape = (size, size, inputs + _edge_features(edge_bias, size), filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")
        self.log_scale = self.add_weight(name="log_scale", shape=(filters,), initializer="zeros")
        self.kept = None
        self.built = True

    def values(self):
        """The arguments of `scaled_conv` after the first."""
        if self.kept is None:
            return values(self.kernel, self.bias, self.log_scale)
        return tuple(variable.value() for variable in self.kept)

    def effective(self):
        """Kernel and bias as they are applied, scaled."""
        scale = limited_scale(self.log_scale.value)
        return self.kernel.value * scale, self.bias.value * scale

    def make_kernel(self):
        """Kernel and bias of `scaled_conv` without a scale."""
        return self.effective()

    def call(self, h):
        """[batch, height, width, inputs] to [batch, height, width, filters]."""
        return scaled_conv(h, *self.values())


def normalised(direction, gain):
    """The kernel g v / ||v||."""
    # In this order the whole kernel is multiplied once, and differentiated in fewer operations.
    return direction * (gain * tf.math.rsqrt(tf.reduce_sum(tf.square(direction), (0, 1, 2))))


def normalised_conv(h, kernel, bias, gain=None):
    """The convolution of h with the kernel, g v / ||v|| where it is a v with a gain; and a bias."""
    kernel = kernel if gain is None else normalised(kernel, gain)
    return tf.nn.bias_add(_convolve(h, tf.cast(kernel, h.dtype)), tf.cast(bias, h.dtype))


def scaled_conv(h, kernel, bias, log_scale=None):
    """exp(3 s) (conv(h) + b), |3 s| limited; without s the convolution and the bias."""
    # The weights are scaled in place of the features: there are fewer of them.
    if log_scale is not None:
        scale = limited_scale(log_scale)
        kernel, bias = kernel * scale, bias * scale
    return tf.nn.bias_add(_convolve(h, tf.cast(kernel, h.dtype)), tf.cast(bias, h.dtype))


def limited_scale(log_scale):
    """exp(3 s), |3 s| kept below 8."""
    return tf.exp(tf.clip_by_value(3.0 * log_scale, -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE))


def _edge_features(edge_bias, size):
    return 1 if edge_bias and size > 1 else 0


def _convolve(h, kernel):
    """The convolution; a kernel for one feature more than h has is one with a part for edges."""
    size, _, inputs, _ = kernel.shape
    if inputs == h.shape[3]:
        return same_conv(h, kernel)
    of_features, of_padding = tf.split(kernel, [inputs - 1, 1], axis=2)
    padding = np.ones((1, h.shape[1] + size - 1, h.shape[2] + size - 1, 1))
    padding[:, size // 2 : -(size // 2), size // 2 : -(size // 2)] = 0
    # The same for all images: a map that depends on nothing but their size.
    edges = tf.nn.conv2d(tf.constant(padding, h.dtype), of_padding, 1, "VALID")
    return edges if inputs == 1 else same_conv(h, of_features) + edges
