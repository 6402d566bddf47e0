"""A long short-term memory of maps: its products are convolutions."""

import keras
import tensorflow as tf

from glf.layers.looped_conv import conv_as_product, same_conv


class ConvLSTM(keras.layers.Layer):
    """A convolutional LSTM without peepholes (Shi et al. 2015, arXiv 1506.04214, section 3.1).

      (i, f, o) = sigmoid, g = tanh of the four parts of
                  W_x * x_t + W_h * h_{t-1} + W_c * context + b
      cell_t = f cell_{t-1} + i g        h_t = o tanh(cell_t)

    * is a convolution with as much padding as keeps height and width. The context is the same in
    all steps: it might as well be concatenated to every x_t. The bias of f starts at 1, so that
    cells remember from the start.

    `gates` of the inputs need no state and can be made for all steps at once; `scan` and `step` do
    the rest, in a loop or for a loop of the caller's.

    Args:
      hidden: number of features of h and of the cell, at least 1.
      size: side of the square kernels, odd.
      dilation: how far apart the places are that a kernel sees, at least 1.

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, hidden, size=3, dilation=1, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if min(hidden, size, dilation) < 1 or size % 2 == 0:
            raise ValueError(
                "ConvLSTM needs hidden >= 1, an odd size and dilation >= 1, got "
                f"hidden={hidden}, size={size}, dilation={dilation}."
            )
        self.hidden = hidden
        self.size = size
        self.dilation = dilation

    def build(self, input_shape, context_shape=None):
        """Makes the weights for x [None, height, width, n] and a context [None, height, width, m].

        The context has the height and width of x.
        """
        self.kernel = self._kernel("kernel", input_shape[-1])
        self.recurrent_kernel = self._kernel("recurrent_kernel", self.hidden)
        self.context_kernel = None
        if context_shape is not None:
            self.context_kernel = self._kernel("context_kernel", context_shape[-1])
        self.bias = self.add_weight(
            name="bias", shape=(4 * self.hidden,), initializer=_remembering_bias
        )

    def _kernel(self, name, features):
        shape = (self.size, self.size, features, 4 * self.hidden)
        return self.add_weight(name=name, shape=shape, initializer="glorot_uniform")

    def gates(self, x, looped=False):
        """What x [n, height, width, features] gives to the gates: [n, height, width, 4 hidden].

        `looped` says that the call is in the body of a loop, see `step`.
        """
        convolve = conv_as_product if looped else same_conv
        return tf.nn.bias_add(convolve(x, self.kernel.value, self.dilation), self.bias.value)

    def context_gates(self, context):
        """What the context gives to the gates of every step."""
        return same_conv(context, self.context_kernel.value, self.dilation)

    def initial_state(self, num, height, width):
        """(h, cell) before the first step: zeros [num, height, width, hidden]."""
        zeros = tf.zeros([num, height, width, self.hidden], self.compute_dtype)
        return zeros, zeros

    def step(self, gates, state):
        """The next (h, cell) from the `gates` of one step and the last (h, cell).

        The convolution is a product, see `glf.layers.looped_conv`.
        """
        h, cell = state
        gates += conv_as_product(h, self.recurrent_kernel.value, self.dilation)
        i, f, o, g = tf.split(gates, 4, axis=-1)
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(cell), cell

    def scan(self, gates):
        """h of all steps: gates [steps, n, height, width, 4 hidden] to [steps, n, ..., hidden].

        A loop, also where steps are few: under XLA what is written out instead takes as long to
        run, or longer, and for 48 steps minutes to compile.
        """
        state = self.initial_state(tf.shape(gates)[1], *gates.shape[2:4])
        return tf.scan(lambda state, gates: self.step(gates, state), gates, state)[0]


def _remembering_bias(shape, dtype=None):
    """0 for i, 1 for f, 0 for o and g."""
    quarter = tf.zeros([shape[0] // 4], dtype or "float32")
    return tf.concat([quarter, quarter + 1, quarter, quarter], 0)
