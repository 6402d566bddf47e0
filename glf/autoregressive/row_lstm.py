"""PixelRNN with Row LSTM layers."""

import tensorflow as tf

from glf.autoregressive.pixel_rnn import PixelRNN
from glf.autoregressive.recurrence import lstm, scan


class RowLSTM(PixelRNN):
    """A `PixelRNN` whose layers process an image row by row (arXiv 1601.06759, section 3.1).

    The gates of row r are conv_1xk(h_r), masked ("B"), plus conv_1xk of the LSTM's output at row
    r - 1 (equation 3). A layer sees above a pixel what lies in a triangle that widens by
    (kernel - 1) / 2 columns a row, so that what lies further to the side is never seen by few
    layers.

    Args:
      kernel: columns k of both convolutions, odd.
      filters: features of h, 2h in the paper; even.
      layers: number of recurrent layers.
      first_kernel: side of the first convolution, odd.
      head: output features.
    """

    def __init__(
        self,
        image_shape,
        data_features,
        groups=1,
        context_size=None,
        *,
        kernel=3,
        filters=48,
        layers=7,
        first_kernel=7,
        head=48,
        dtype=None,
    ):
        self._columns = kernel
        super().__init__(
            image_shape,
            data_features,
            groups,
            context_size,
            filters=filters,
            layers=layers,
            first_kernel=first_kernel,
            head=head,
            dtype=dtype,
        )

    def make_layer(self, filters, hidden):
        """See `PixelRNN`."""
        of_input = self.convolution(filters, 4 * hidden, columns=self._columns)
        return [of_input, self.state_to_state(self._columns * hidden, "state_to_state")]

    def recur(self, view, i, h, of_context):
        """See `PixelRNN`."""
        of_input, kernel = self.recurrent[i]
        gates = of_input.through(view, h) + of_context
        width, side = gates.shape[2], self._columns // 2
        kernel = tf.cast(kernel.value, gates.dtype)

        def step(state, gates):
            above = tf.pad(state[0], [[0, 0], [side, side], [0, 0]])
            spanned = [above[:, i : i + width] for i in range(self._columns)]
            of_state = tf.tensordot(tf.concat(spanned, -1), kernel, 1)
            return lstm(gates + of_state, state[1], self.groups)

        # Output and cell of the row above the view's, side by side.
        before = view.halo(gates[..., : 2 * self.hidden], 1)
        state = tf.split(before[:, 0], 2, -1)
        states = scan(step, tf.transpose(gates, [1, 0, 2, 3]), tuple(state))
        states = tf.transpose(tf.concat(states, -1), [1, 0, 2, 3])
        view.keep(tf.concat([before, states], 1))
        return states[..., : self.hidden]
