"""Flow++'s network that makes an image into a context for the noise."""

import tensorflow as tf

from glf.layers.attention import GatedAttention, GatedConv2D, embed_positions
from glf.layers.context import context_features, with_context
from glf.layers.same_conv import SameConv2D
from glf.layers.track import track
from glf.networks.base import ImageConditioner


class GatedContext(ImageConditioner):
    """Features of an image, made by gated convolutions on pairs of neighbouring columns.

    The channels of columns 2 i and 2 i + 1 are put behind each other; a convolution 3x3 makes
    `units` features of them at each of the ⌈width / 2⌉ positions of a row, then blocks

      h ← [norm] (h + gate(conv3x3(concat_elu(h))))      h ← norm(h + gate(attention(h)))

    whose gates are 3x3 convolutions in the first and 1x1 in the second equation. The features of a
    pair stand at both of its columns. The networks "shallow_processor" and "deep_processor" of the
    program of Flow++ (Ho, Chen, Srinivas, Duan, Abbeel 2019, arXiv 1902.00275, section 3.1). A
    condition is concatenated to the input.

    Args:
      units: number of features, at least 1.
      blocks: number of blocks, at least 0.
      normalise: whether the convolutions have a layer normalisation.
      attention: whether the blocks have self-attention, with one embedding of the positions.
      heads: number of attention heads; with attention it divides `units`.
      dropout: the probability, in [0, 1), with which features are dropped in training; other than
        0 it needs a `glf.core.mode.Training` as `training`.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range; in `call`, for dropout without a seed.
    """

    starts_at_zero = False

    def __init__(
        self,
        units,
        *,
        blocks=3,
        normalise=False,
        attention=False,
        heads=4,
        dropout=0.0,
        dtype="float32",
    ):
        super().__init__(units, dtype=dtype)
        divided = not attention or (heads >= 1 and units % heads == 0)
        if units < 1 or blocks < 0 or not divided or not 0 <= dropout < 1:
            raise ValueError(
                "GatedContext needs units >= 1, blocks >= 0, with attention heads that divide "
                f"units, and dropout in [0, 1), got units={units}, blocks={blocks}, "
                f"heads={heads}, dropout={dropout}."
            )
        self.blocks, self.normalise = blocks, normalise
        self.attention, self.heads, self.dropout = attention, heads, dropout

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        _, height, width, channels = input_shape
        units, rate, dtype = self.units, self.dropout, self.dtype
        inputs = channels + context_features(condition_shape)
        shape = (None, height, -(-width // 2), units)
        self.first = SameConv2D(2 * inputs, units, dtype=dtype)
        options = {"gate_size": 3, "normalise": self.normalise, "dtype": dtype}
        convolutions = [GatedConv2D(units, rate, **options) for _ in range(self.blocks)]
        self.convolutions = track(self, "convolution", convolutions)
        num = self.blocks if self.attention else 0
        self.positions = embed_positions(self, shape) if num else None
        options = {"elu": False, "own_positions": False, "dtype": dtype}
        attentions = [GatedAttention(units, self.heads, rate, **options) for _ in range(num)]
        self.attentions = track(self, "attention", attentions)
        for layer in (*convolutions, *attentions):
            layer.build(shape)

    def call(self, inputs, condition=None, training=False):
        """Returns the features, [batch, h, w, units]."""
        width = inputs.shape[2]
        h = with_context(inputs, condition)
        if width % 2:
            h = tf.pad(h, [[0, 0], [0, 0], [0, 1], [0, 0]])
        _, height, columns, channels = h.shape
        h = self.first(tf.reshape(h, (-1, height, columns // 2, 2 * channels)))
        positions = None if self.positions is None else self.positions.value
        for i, convolution in enumerate(self.convolutions):
            h = convolution(h, training=training)
            if self.attention:
                h = self.attentions[i](h, training=training, positions=positions)
        return tf.repeat(h, 2, axis=2)[:, :, :width]
