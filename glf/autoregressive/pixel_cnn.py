"""PixelCNN: masked convolutions and residual blocks."""

import tensorflow as tf

from glf.autoregressive.network import CausalNetwork
from glf.layers.track import track


class PixelCNN(CausalNetwork):
    """Masked convolutions (van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv 1601.06759).

    A convolution with mask A, then residual blocks with mask B,

      h + conv_1x1(relu(conv_kxk(relu(conv_1x1(relu(h)) + V context)))),

    then relu, 1x1 convolution, relu. Part of what lies above to the right is never seen: the blind
    spot of masked convolutions, which `GatedPixelCNN` has not.

    Args:
      filters: features of the residual stream, 2h in the paper.
      blocks: number of residual blocks.
      kernel: side of the blocks' masked convolutions, odd.
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
        filters=48,
        blocks=15,
        kernel=3,
        first_kernel=7,
        head=48,
        dtype=None,
    ):
        super().__init__(image_shape, data_features, groups, context_size, dtype=dtype)
        if filters % 2 or blocks < 0:
            raise ValueError(
                "PixelCNN.filters must be even and PixelCNN.blocks not negative, got "
                f"filters={filters}, blocks={blocks}."
            )
        self.features = head

        sides = {"rows": first_kernel // 2 + 1, "columns": first_kernel}
        self.first = self.convolution(data_features, filters, **sides, mask="A")
        self.blocks = []
        for i in range(blocks):
            block = [
                self.convolution(filters, filters // 2),
                self.convolution(filters // 2, filters // 2, kernel // 2 + 1, kernel),
                self.convolution(filters // 2, filters),
            ]
            self.blocks.append(track(self, f"block_{i}", block))
        self.contexts = self.of_contexts("context", filters // 2, blocks)
        self.last = self.convolution(filters, head)

    def pixels(self, view, from_rows, context=None):
        """See `CausalNetwork`."""
        h = self.first.of_data(view)
        for i, (narrow, masked, widen) in enumerate(self.blocks):
            inner = narrow.through(view, tf.nn.relu(h))
            if context is not None:
                inner += view.crop(self.contexts[i](context))
            inner = masked.through(view, tf.nn.relu(inner))
            h += widen.through(view, tf.nn.relu(inner))
        return tf.nn.relu(self.last.through(view, tf.nn.relu(h)))
