"""PixelCNN++: two streams of gated residual blocks on several scales."""

import tensorflow as tf

from glf.autoregressive.network import CausalNetwork
from glf.layers.gated_resnet import GatedResnet
from glf.layers.weight_norm import WeightNormConv2D, WeightNormUpsampling2D

_ABOVE = {"above": 1, "left": 1, "right": 1}
_BEFORE = {"above": 1, "left": 1, "right": 0}


class PixelCNNPlusPlus(CausalNetwork):
    """PixelCNN++ (Salimans, Karpathy, Chen and Kingma 2017, arXiv 1701.05517).

    One stream u sees the rows above, with convolutions 2x3; one stream l also the own row to the
    left, with convolutions 2x2, and u at every block. Down: `resnets` gated residual blocks on each
    scale, strided convolutions between scales. Up: transposed convolutions between scales, blocks
    with long shortcuts from the blocks on the way down. A channel of ones in the input tells the
    image's borders. Convolutions are weight-normalised, without initialisation from data. Meant for
    `DiscretizedLogisticMixture`, which decides all channels of a pixel together.

    Nothing is seen too early on the smaller scales: row r of half the height depends on rows before
    2r, and becomes rows 2r and 2r + 1 again; columns likewise in the stream l.

    Args:
      filters: features of each stream.
      resnets: blocks for each stream and scale; on the way up one more on all but the smallest.
      downsamplings: 0, 1 or 2 halvings of height and width.
      dropout: the probability with which features within blocks are dropped in training.

    Raises:
      ValueError: for sizes out of range, if the height or the width is not divisible by
        2^downsamplings, and for `groups` other than 1.
    """

    def __init__(
        self,
        image_shape,
        data_features,
        groups=1,
        context_size=None,
        *,
        filters=32,
        resnets=3,
        downsamplings=2,
        dropout=0.5,
        dtype=None,
    ):
        super().__init__(image_shape, data_features, groups, context_size, dtype=dtype)
        self._check(resnets, downsamplings, dropout)
        self.features = filters
        self.resnets, self.scales = resnets, [2**i for i in range(downsamplings + 1)]
        self.alignment = self.scales[-1]
        self.pixelwise = downsamplings == 0
        down = resnets * len(self.scales)
        up = down + downsamplings
        # The last scale needs no way down from it, the first none up.
        self.first_u = self._convolution(data_features + 1, **_ABOVE)
        self.first_l_row = self._convolution(data_features + 1, left=1, right=1)
        self.first_l_left = self._convolution(data_features + 1, above=1)
        self.down_u = self._blocks("down_u", down, _ABOVE, 0, dropout)
        self.down_l = self._blocks("down_l", down, _BEFORE, filters, dropout)
        self.up_u = self._blocks("up_u", up, _ABOVE, filters, dropout)
        self.up_l = self._blocks("up_l", up, _BEFORE, 2 * filters, dropout)
        self.halve_u = self._halvings("halve_u", downsamplings, _ABOVE)
        self.halve_l = self._halvings("halve_l", downsamplings, _BEFORE)
        self.double_u = self._doublings("double_u", downsamplings, 1)
        self.double_l = self._doublings("double_l", downsamplings, 0)

    def _convolution(self, inputs, stride=1, **span):
        return WeightNormConv2D(
            inputs, self.features, **span, stride=stride, dtype=self.dtype_policy
        )

    def _blocks(self, prefix, number, span, shortcut, dropout):
        def block(i):
            return GatedResnet(
                self.features,
                span,
                shortcut=shortcut,
                context_size=self.context_size,
                dropout=dropout,
                dtype=self.dtype_policy,
            )

        return self.listed(prefix, block, number)

    def _halvings(self, prefix, number, span):
        return self.listed(
            prefix, lambda i: self._convolution(self.features, stride=2, **span), number
        )

    def _doublings(self, prefix, number, left):
        def doubling(i):
            return WeightNormUpsampling2D(
                self.features, self.features, left=left, dtype=self.dtype_policy
            )

        return self.listed(prefix, doubling, number)

    def rows(self, view, context=None):
        """The stream u: one [n, rows / scale, width / scale, filters] for each block of l."""
        contexts = self._contexts(view, context)
        u = self.first_u.convolve(view.data(2, 1, 1, ones=True)[:, :-1])
        links, down, up = [], iter(self.down_u), iter(self.up_u)
        passed = [u]
        for i, scale in enumerate(self.scales):
            if i:
                u = self.halve_u[i - 1].through(view, u, self.scales[i - 1])
                passed.append(u)
            for _ in range(self.resnets):
                u = next(down).through(view, u, None, contexts[i], scale)
                passed.append(u)
                links.append(u)
        u = passed.pop()
        for i, scale in reversed(list(enumerate(self.scales))):
            smallest = i == len(self.scales) - 1
            if not smallest:
                u = self.double_u[i].convolve(u)
            for _ in range(self.resnets + (not smallest)):
                u = next(up).through(view, u, passed.pop(), contexts[i], scale)
                links.append(u)
        return tuple(links)

    def pixels(self, view, from_rows, context=None):
        """See `CausalNetwork`."""
        contexts = self._contexts(view, context)
        h = self.first_l_row.convolve(view.data(1, 1, 1, ones=True)[:, :-1])
        h += self.first_l_left.convolve(view.data(1, 1, 0, ones=True)[:, :, :-1])
        links, down, up = iter(from_rows), iter(self.down_l), iter(self.up_l)
        passed = [h]
        for i, scale in enumerate(self.scales):
            if i:
                h = self.halve_l[i - 1].through(view, h, self.scales[i - 1])
                passed.append(h)
            for _ in range(self.resnets):
                h = next(down).through(view, h, next(links), contexts[i], scale)
                passed.append(h)
        h = passed.pop()
        for i, scale in reversed(list(enumerate(self.scales))):
            smallest = i == len(self.scales) - 1
            if not smallest:
                h = self.double_l[i].convolve(h)
            for _ in range(self.resnets + (not smallest)):
                shortcut = tf.concat([next(links), passed.pop()], -1)
                h = next(up).through(view, h, shortcut, contexts[i], scale)
        return tf.nn.elu(h)

    def _contexts(self, view, context):
        """The context at the view's positions on each scale, averaged where it varies."""
        if context is None:
            return [None] * len(self.scales)
        context = view.crop(context)
        contexts = [context]
        for scale in self.scales[1:]:
            sides = [scale if side > 1 else 1 for side in context.shape[1:3]]
            contexts.append(tf.nn.avg_pool2d(context, sides, sides, "VALID"))
        return contexts

    def _check(self, resnets, downsamplings, dropout):
        if self.groups != 1:
            raise ValueError(
                "PixelCNNPlusPlus has no order among the channels of a pixel; use a family that "
                "decides them together (AutoregressiveModel.make_family = "
                "@DiscretizedLogisticMixture), or a network that has, like GatedPixelCNN. Got "
                f"groups={self.groups}."
            )
        if resnets < 1 or downsamplings not in (0, 1, 2) or not 0 <= dropout < 1:
            raise ValueError(
                "PixelCNNPlusPlus needs resnets of at least 1, downsamplings of 0, 1 or 2, and a "
                f"dropout in [0, 1), got resnets={resnets}, downsamplings={downsamplings}, "
                f"dropout={dropout}."
            )
        if any(side % 2**downsamplings for side in self.image_shape[:2]):
            raise ValueError(
                f"PixelCNNPlusPlus with downsamplings={downsamplings} needs a height and a width "
                f"divisible by {2**downsamplings}, got {self.image_shape}; choose fewer "
                "downsamplings, or pad the images."
            )
