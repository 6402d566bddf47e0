"""The residual block of PixelCNN++."""

import keras
import tensorflow as tf

from glf.core.rematerialise import Rematerialises, rematerialised
from glf.layers.weight_norm import WeightNormConv2D


def concat_elu(h):
    """(elu(h), elu(-h)): [..., f] to [..., 2 f] (Salimans et al. 2017, arXiv 1701.05517)."""
    return tf.nn.elu(tf.concat([h, -h], -1))


class GatedResnet(keras.layers.Layer, Rematerialises):
    """h + a sigmoid(b), with c the concat_elu (Salimans et al. 2017, arXiv 1701.05517):

      (a, b) = conv(dropout(c(conv(c(h)) + conv_1x1(c(shortcut))))) + V context.

    Args:
      filters: features of h.
      span: {"above", "left", "right"}: what both convolutions see.
      shortcut: number of features of the shortcut, 0 for none.
      context_size: number of context features, or None.
      dropout: the probability with which features are dropped in training.
    """

    def __init__(self, filters, span, *, shortcut=0, context_size=None, dropout=0.0, dtype=None):
        super().__init__(dtype=dtype)
        policy = self.dtype_policy
        self.rate = dropout
        self.first = WeightNormConv2D(2 * filters, filters, **span, dtype=policy)
        self.second = WeightNormConv2D(2 * filters, 2 * filters, **span, gain=0.1, dtype=policy)
        self.of_shortcut = self.of_context = None
        if shortcut:
            self.of_shortcut = WeightNormConv2D(2 * shortcut, filters, dtype=policy)
        if context_size:
            self.of_context = keras.layers.Dense(2 * filters, use_bias=False, dtype=policy)
            self.of_context.build((None, context_size))
        self.built = True

    def through(self, view, h, shortcut=None, context=None, scale=1):
        """h of a `View`, `scale` times smaller than the image, to the same shape."""
        if not self.rematerialise or view.seed is None:
            return self._through(view, h, shortcut, context, scale)
        others = {"shortcut": shortcut, "context": context}
        others = {name: t for name, t in others.items() if t is not None}

        def block(h, *given):
            return self._through(view, h, **dict(zip(others, given, strict=True)), scale=scale)

        return rematerialised(block, view, h, *others.values())

    def _through(self, view, h, shortcut=None, context=None, scale=1):
        y = self.first.through(view, concat_elu(h), scale)
        if shortcut is not None:
            y += self.of_shortcut.convolve(concat_elu(shortcut))
        y = view.dropout(concat_elu(y), self.rate)
        y = self.second.through(view, y, scale)
        if context is not None:
            y += self.of_context(context)
        a, b = tf.split(y, 2, -1)
        return h + a * tf.sigmoid(b)
