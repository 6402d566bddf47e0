"""A causal convolution of two taps that lie far apart."""

import tensorflow as tf

from glf.layers.causal_conv import CausalConv2D


class DilatedCausalConv(CausalConv2D):
    """y_t = W_0 h_{t - dilation} + W_1 h_t + b along the rows of h (WaveNet, arXiv 1609.03499).

    W_1 is masked between `groups` of features as in `CausalConv2D` with mask "B".

    Args:
      inputs: number of input features.
      filters: number of output features.
      dilation: by how many rows the first tap looks back.
      groups: number of parts in which features are ordered.
    """

    def __init__(self, inputs, filters, dilation, *, groups=1, dtype=None):
        super().__init__(inputs, filters, rows=2, columns=1, mask="B", groups=groups, dtype=dtype)
        if dilation < 1:
            raise ValueError(f"A dilation is at least 1, got {dilation}.")
        self.dilation = dilation

    def through(self, view, h):
        """h [n, rows, columns, inputs] of a `View` to [n, rows, columns, filters]."""
        h = tf.cast(h, self.compute_dtype)
        taps = tf.concat([view.delayed(h, self.dilation), h], -1)
        kernel, bias = self.held or self.effective()
        kernel = tf.reshape(kernel, [1, 1, 2 * kernel.shape[2], self.filters])
        return tf.nn.bias_add(tf.nn.conv2d(taps, kernel, 1, "VALID"), bias)
