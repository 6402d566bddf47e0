"""Gated PixelCNN: two stacks, one of the rows above and one of the own row."""

import tensorflow as tf

from glf.autoregressive.network import CausalNetwork
from glf.layers.gates import gated


class GatedPixelCNN(CausalNetwork):
    """Two stacks of gated convolutions without a blind spot (van den Oord et al. 2016).

    "Conditional Image Generation with PixelCNN Decoders", arXiv 1606.05328. The vertical stack v
    sees all rows above, the horizontal stack h the own row to the left, and v at every layer:

      a_v = conv_kxk(v) + V_v context,                    v' = gate(a_v)
      a_h = conv_1xk(h) + conv_1x1(a_v) + V_h context,    h' = h + conv_1x1(gate(a_h))

    with gate((a, b)) = tanh(a) sigmoid(b) (equations 2 and 4, figure 2). The first layer of v
    excludes the own row and the first one of h the own pixel, and the first one of h has no
    residual; the convolutions of v need no mask. Everything before a pixel within a rectangle that
    grows with each layer is seen.

    Args:
      filters: features of each stack, p in the paper.
      layers: number of gated layers, the first one included.
      kernel: side k of the convolutions, odd.
      first_kernel: side of the first layer's, odd, at least 3.
      head: output features.

    Raises:
      ValueError: for sizes that are out of range or do not divide into `groups`.
    """

    def __init__(
        self,
        image_shape,
        data_features,
        groups=1,
        context_size=None,
        *,
        filters=48,
        layers=8,
        kernel=3,
        first_kernel=7,
        head=96,
        dtype=None,
    ):
        super().__init__(image_shape, data_features, groups, context_size, dtype=dtype)
        if layers < 1 or first_kernel < 3:
            raise ValueError(
                "GatedPixelCNN.layers must be at least 1 and GatedPixelCNN.first_kernel at least "
                f"3, got layers={layers}, first_kernel={first_kernel}."
            )
        self.features = head

        sides, first_sides = (kernel // 2 + 1, kernel), (first_kernel // 2, first_kernel)

        def vertical(i):
            if i == 0:
                return self.convolution(data_features, 2 * filters, *first_sides, None)
            return self.convolution(filters, 2 * filters, *sides, None)

        def horizontal(i):
            if i == 0:
                return self.convolution(data_features, 2 * filters, 1, first_kernel, "A")
            return self.convolution(filters, 2 * filters, 1, kernel)

        def link(i):
            return self.convolution(2 * filters, 2 * filters, mask=None)

        self.vertical = self.listed("vertical", vertical, layers)
        self.links = self.listed("link", link, layers)
        self.horizontal = self.listed("horizontal", horizontal, layers)
        self.outs = self.listed("out", lambda i: self.convolution(filters, filters), layers)
        self.vertical_contexts = self.of_contexts("vertical_context", 2 * filters, layers)
        self.horizontal_contexts = self.of_contexts("horizontal_context", 2 * filters, layers)
        self.last = self.convolution(filters, head)

    def rows(self, view, context=None):
        """The vertical stack's links into the horizontal one: [n, rows, width, 2p] a layer."""
        context = None if context is None else view.crop(context)
        first, links = self.vertical[0], []
        # Of the rows above without the own one: the last row of what is spanned is left out.
        v = first.convolve(view.data(first.above + 1, first.side, first.side)[:, :-1])
        for i, link in enumerate(self.links):
            if i:
                v = self.vertical[i].through(view, gated(v))
            if context is not None:
                v += self.vertical_contexts[i](context)
            links.append(link.through(view, v))
        return tuple(links)

    def pixels(self, view, from_rows, context=None):
        """See `CausalNetwork`."""
        context = None if context is None else view.crop(context)
        h = None
        for i, link in enumerate(from_rows):
            layer = self.horizontal[i]
            a = link + (layer.of_data(view) if h is None else layer.through(view, h))
            if context is not None:
                a += self.horizontal_contexts[i](context)
            out = self.outs[i].through(view, gated(a, self.groups))
            h = out if h is None else h + out
        return tf.nn.relu(self.last.through(view, tf.nn.relu(h)))
