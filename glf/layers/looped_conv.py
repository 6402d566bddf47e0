"""One convolution, padded with zeros to keep height and width, outside of a loop and within.

Within a loop it is a product with a matrix of patches: XLA's convolutions on CPUs are tens of times
slower there, its products are not.
"""

import keras
import tensorflow as tf


class ContextConv(keras.layers.Layer):
    """W_x * x_t + W_c * context + b, for inputs x_t of many steps and a context of all of them.

    The convolution of x_t and the context, concatenated, in two parts, of which the context's is
    made once.

    Args:
      filters: number of output features.
      size: side of the square kernels, odd.
    """

    def __init__(self, filters, size=3, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.filters = filters
        self.size = size

    def build(self, input_shape, context_shape=None):
        """Makes the weights for x [None, height, width, n] and a context [None, height, width, m].

        The two kernels start as one for all n + m features would.
        """
        features = [input_shape[-1], 0 if context_shape is None else context_shape[-1]]
        fan = self.size**2 * (sum(features) + self.filters)
        start = keras.initializers.RandomUniform(-((6 / fan) ** 0.5), (6 / fan) ** 0.5)
        shape = (self.size, self.size, features[0], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=start)
        self.context_kernel = None
        if features[1]:
            shape = (self.size, self.size, features[1], self.filters)
            self.context_kernel = self.add_weight(
                name="context_kernel", shape=shape, initializer=start.clone()
            )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def of_input(self, x, looped=False):
        """W_x * x + b; `looped` says that the call is in the body of a loop."""
        convolve = conv_as_product if looped else same_conv
        return tf.nn.bias_add(convolve(x, self.kernel.value), self.bias.value)

    def of_context(self, context):
        """W_c * context."""
        return same_conv(context, self.context_kernel.value)


def same_conv(x, kernel, dilation=1):
    """The convolution of x [n, height, width, features] with a kernel [size, size, features, m]."""
    if dilation == 1:
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    # Places that are `dilation` apart become neighbours in images of their own: TensorFlow has no
    # gradient of a dilated convolution on CPUs.
    height, width, features = x.shape[1:]
    rows, columns = -(-height // dilation), -(-width // dilation)
    after = rows * dilation - height, columns * dilation - width
    x = tf.pad(x, [[0, 0], [0, after[0]], [0, after[1]], [0, 0]])
    x = tf.reshape(x, (-1, rows, dilation, columns, dilation, features))
    x = tf.reshape(tf.transpose(x, (0, 2, 4, 1, 3, 5)), (-1, rows, columns, features))
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    filters = y.shape[-1]
    y = tf.reshape(y, (-1, dilation, dilation, rows, columns, filters))
    y = tf.transpose(y, (0, 3, 1, 4, 2, 5))
    y = tf.reshape(y, (-1, rows * dilation, columns * dilation, filters))
    return y[:, :height, :width]


def conv_as_product(x, kernel, dilation=1):
    """The same convolution as a product of patches and a matrix."""
    size, _, features, filters = kernel.shape
    height, width = x.shape[1:3]
    half = size // 2 * dilation
    padded = tf.pad(x, [[0, 0], [half, half], [half, half], [0, 0]])
    starts = range(0, size * dilation, dilation)
    shifted = [
        padded[:, row : row + height, column : column + width]
        for row in starts
        for column in starts
    ]
    patches = tf.reshape(tf.concat(shifted, axis=-1), (-1, size * size * features))
    product = patches @ tf.reshape(kernel, (size * size * features, filters))
    return tf.reshape(product, (-1, height, width, filters))
