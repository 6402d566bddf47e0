"""The common part of the two PixelRNNs: a masked convolution, residual recurrent layers, a head."""

import abc

import tensorflow as tf

from glf.autoregressive.network import CausalNetwork
from glf.layers.track import track


class PixelRNN(CausalNetwork):
    """Recurrent layers along the rows of an image (van den Oord, Kalchbrenner, Kavukcuoglu 2016).

    "Pixel Recurrent Neural Networks", arXiv 1601.06759: a convolution with mask A, then layers

      h + conv_1x1(LSTM(h, context)),

    then relu, 1x1 convolution, relu. A layer's LSTM has half as many features as h.

    Args:
      filters: features of h, 2h in the paper; even.
      layers: number of recurrent layers.
      first_kernel: side of the first convolution, odd.
      head: output features.

    Raises:
      ValueError: for sizes that are out of range or do not divide into `groups`.
    """

    pixelwise = False

    def __init__(
        self,
        image_shape,
        data_features,
        groups=1,
        context_size=None,
        *,
        filters=48,
        layers=7,
        first_kernel=7,
        head=48,
        dtype=None,
    ):
        super().__init__(image_shape, data_features, groups, context_size, dtype=dtype)
        if filters % 2 or layers < 1:
            raise ValueError(
                f"{type(self).__name__}.filters must be even and {type(self).__name__}.layers at "
                f"least 1, got filters={filters}, layers={layers}."
            )
        self.features = head
        self.hidden = filters // 2

        sides = {"rows": first_kernel // 2 + 1, "columns": first_kernel}
        self.first = self.convolution(data_features, filters, **sides, mask="A")
        self.recurrent = [
            track(self, f"layer_{i}", self.make_layer(filters, self.hidden)) for i in range(layers)
        ]
        self.widen = self.listed("widen", lambda i: self.convolution(self.hidden, filters), layers)
        self.contexts = self.of_contexts("context", 4 * self.hidden, layers)
        self.last = self.convolution(filters, head)

    def state_to_state(self, inputs, name):
        """The kernel [inputs, 4 hidden] of a recurrence; the biases are in the convolutions."""
        return self.add_weight(
            name=name, shape=(inputs, 4 * self.hidden), initializer="glorot_uniform"
        )

    @abc.abstractmethod
    def make_layer(self, filters, hidden):
        """The Keras layers and weights of one recurrent layer, a list."""

    @abc.abstractmethod
    def recur(self, view, i, h, of_context):
        """The LSTM of layer i: [n, rows, width, filters] to [n, rows, width, hidden].

        Args:
          view: a `View`.
          i: which layer; `recurrent[i]` is what `make_layer` made.
          h: the layer's input.
          of_context: what is added to the gates, [n, 1 or rows, 1 or width, 4 hidden], or 0.
        """

    def pixels(self, view, from_rows, context=None):
        """See `CausalNetwork`."""
        h = self.first.of_data(view)
        for i, widen in enumerate(self.widen):
            added = 0.0 if context is None else self.contexts[i](view.crop(context))
            h += widen.through(view, self.recur(view, i, h, added))
        return tf.nn.relu(self.last.through(view, tf.nn.relu(h)))
