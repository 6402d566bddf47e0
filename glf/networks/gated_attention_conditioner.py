"""Flow++'s network for couplings on images."""

import functools

import tensorflow as tf

from glf.core.rematerialise import Rematerialises, rematerialised
from glf.layers.attention import GatedAttention, GatedConv2D, embed_positions
from glf.layers.context import context_features, with_context
from glf.layers.gated_resnet import concat_elu
from glf.layers.same_conv import SameConv2D, ZeroConv2D
from glf.layers.track import track
from glf.networks.base import ImageConditioner

_LAST = {"elu": tf.nn.elu, "concat_elu": concat_elu, None: tf.identity}


class GatedAttentionConditioner(ImageConditioner, Rematerialises):
    """Blocks of a gated convolution and gated self-attention, each with a layer normalisation.

    Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++" (arXiv 1902.00275), section 3.3. Convolutions
    are weight-normalised, the last one starts at zero. A condition is concatenated to the input
    and enters every block.

    The last four options are what the authors' program (github.com/aravindsrinivas/flowpp) does
    otherwise: one embedding of the positions a network, no elu in the attention's gate, a
    condition for the blocks alone, and before the last convolution nothing or a concat_elu.

    Args:
      units: number of outputs at each position.
      filters: number of features, a multiple of `heads`.
      blocks: number of blocks, at least 1.
      heads: number of attention heads, at least 1.
      attention: whether blocks have self-attention.
      dropout: the probability, in [0, 1), with which features are dropped in training; other than
        0 it needs a `glf.core.mode.Training` as `training`.
      share_positions: whether the blocks share one embedding of the positions.
      attention_elu: whether the attention's gate applies concat_elu to its input.
      condition_at_input: whether a condition is concatenated to the input as well.
      last: what is applied before the last convolution, "elu", "concat_elu" or None.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range; in `call`, for dropout without a seed.
    """

    def __init__(
        self,
        units,
        *,
        filters=96,
        blocks=10,
        heads=4,
        attention=True,
        dropout=0.2,
        share_positions=False,
        attention_elu=True,
        condition_at_input=True,
        last="elu",
        dtype="float32",
    ):
        super().__init__(units, dtype=dtype)
        if min(units, filters, blocks, heads) < 1 or filters % heads or not 0 <= dropout < 1:
            raise ValueError(
                "GatedAttentionConditioner needs units, filters, blocks and heads of at least 1, "
                "filters divisible by heads, and dropout in [0, 1), got "
                f"units={units}, filters={filters}, blocks={blocks}, heads={heads}, "
                f"dropout={dropout}."
            )
        if last not in _LAST:
            raise ValueError(
                f'GatedAttentionConditioner.last is "elu", "concat_elu" or None, got {last!r}.'
            )
        self.filters, self.blocks = filters, blocks
        self.heads, self.attention, self.dropout = heads, attention, dropout
        self.share_positions, self.attention_elu = share_positions, attention_elu
        self.condition_at_input, self.last_activation = condition_at_input, last

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        inputs = input_shape[-1]
        if self.condition_at_input:
            inputs += context_features(condition_shape)
        filters, rate, dtype = self.filters, self.dropout, self.dtype
        shape = (*input_shape[:3], filters)
        self.first = SameConv2D(inputs, filters, dtype=dtype)
        convolutions = [GatedConv2D(filters, rate, dtype=dtype) for _ in range(self.blocks)]
        self.convolutions = track(self, "convolution", convolutions)
        for layer in convolutions:
            layer.build(shape, condition_shape)
        num = self.blocks if self.attention else 0
        shared = self.share_positions and self.attention
        self.positions = embed_positions(self, shape) if shared else None
        options = {"elu": self.attention_elu, "own_positions": not shared, "dtype": dtype}
        attentions = [GatedAttention(filters, self.heads, rate, **options) for _ in range(num)]
        self.attentions = track(self, "attention", attentions)
        for layer in attentions:
            layer.build(shape)
        widened = 2 * filters if self.last_activation == "concat_elu" else filters
        self.last = ZeroConv2D(widened, self.units, dtype=dtype)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = self.first(with_context(inputs, condition if self.condition_at_input else None))
        again, given = self.rematerialise and training, () if condition is None else (condition,)
        for i in range(self.blocks):
            block = functools.partial(self._block, i, training)
            h = rematerialised(block, training, h, *given) if again else block(h, *given)
        return self.last(_LAST[self.last_activation](h))

    def _block(self, i, training, h, condition=None):
        h = self.convolutions[i](h, condition, training=training)
        if not self.attention:
            return h
        positions = None if self.positions is None else self.positions.value
        return self.attentions[i](h, training=training, positions=positions)
