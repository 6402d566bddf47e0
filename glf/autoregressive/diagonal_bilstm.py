"""PixelRNN with Diagonal BiLSTM layers."""

import tensorflow as tf

from glf.autoregressive.pixel_rnn import PixelRNN
from glf.autoregressive.recurrence import lstm, scan


class DiagonalBiLSTM(PixelRNN):
    """A `PixelRNN` whose layers process an image along its diagonals (arXiv 1601.06759, 3.2).

    Two LSTMs, whose state at a pixel is made from the states of the pixel above and of the pixel to
    the left or, in the other direction, to the right. So that all pixels of a diagonal are computed
    at once, rows are skewed: each is shifted by one column more than the one above it. The second
    direction sees to the end of a row, so what it is given is the features of the row above.
    Together both see everything before a pixel.

    That takes one thing which the paper does not have: features of a pixel do not know the pixel
    itself, so that the second direction would never see the last pixel of the row above. In the
    first layer it sees the data of the row above, too.

    Arguments as of `PixelRNN`.
    """

    def make_layer(self, filters, hidden):
        """See `PixelRNN`."""
        if not hasattr(self, "reversed_data"):
            self.reversed_data = self.convolution(self.data_features, 4 * hidden, mask=None)
        return [
            self.convolution(filters, 4 * hidden),
            self.state_to_state(2 * hidden, "state_to_state"),
            # The second direction only sees what lies in rows above: no mask.
            self.convolution(filters, 4 * hidden, mask=None),
            self.state_to_state(2 * hidden, "state_to_state_reversed"),
        ]

    def recur(self, view, i, h, of_context):
        """See `PixelRNN`."""
        of_input, kernel, reversed_input, reversed_kernel = self.recurrent[i]
        forth = self._direction(view, of_input.through(view, h) + of_context, kernel)
        # The paper shifts the output down. Shifting the input, what a view keeps of a row knows
        # nothing of the row's last pixel, which may not be final yet.
        back = reversed_input.convolve(view.delayed(h, 1)) + of_context
        if i == 0:
            back += self.reversed_data.convolve(view.data(1, 0, 0)[:, :-1])
        return forth + self._direction(view, back[:, :, ::-1], reversed_kernel)[:, :, ::-1]

    def _direction(self, view, gates, kernel):
        """The LSTM from left to right: gates [n, rows, width, 4p] to [n, rows, width, p]."""
        kernel, rows = tf.cast(kernel.value, gates.dtype), gates.shape[1]
        before = view.halo(gates[..., : self.hidden], 1)

        def step(state, inputs):
            # Row i is at column t - i: to the left of it is the state of the step before, above it
            # that of row i - 1, or for the first row what was kept of the row above the view's.
            gates, over = inputs
            output, cell = state
            above = tf.concat([over, output[:, :-1]], 1)
            of_state = tf.tensordot(tf.concat([output, above], -1), kernel, 1)
            return lstm(gates + of_state, cell, self.groups)

        zeros = tf.zeros_like(gates[:, :, 0, : self.hidden])
        over = tf.pad(before, [[0, 0], [0, 0], [0, rows - 1], [0, 0]])
        inputs = [tf.transpose(part, [2, 0, 1, 3]) for part in (_skew(gates), over)]
        # Gates are zero where a skewed row has not begun, and so are, then, output and cell.
        outputs, _ = scan(step, tuple(inputs), (zeros, zeros))
        outputs = _unskew(tf.transpose(outputs, [1, 2, 0, 3]))
        view.keep(tf.concat([before, outputs], 1))
        return outputs


def _skew(h):
    """Row i shifted right by i: [n, rows, width, f] to [n, rows, width + rows - 1, f]."""
    n, rows, width, f = tf.shape(h)[0], *h.shape[1:]
    h = tf.pad(h, [[0, 0], [0, 0], [0, rows], [0, 0]])
    h = tf.reshape(h, [n, rows * (width + rows), f])[:, :-rows]
    return tf.reshape(h, [n, rows, width + rows - 1, f])


def _unskew(h):
    """The inverse of `_skew`."""
    n, rows, columns, f = tf.shape(h)[0], *h.shape[1:]
    h = tf.pad(tf.reshape(h, [n, rows * columns, f]), [[0, 0], [0, rows], [0, 0]])
    return tf.reshape(h, [n, rows, columns + 1, f])[:, :, : columns + 1 - rows]
