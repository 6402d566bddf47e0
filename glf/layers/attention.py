"""Gated layers of Flow++'s networks: a convolution and self-attention over positions."""

import keras
import tensorflow as tf

from glf.core.mode import dropout
from glf.layers.add_context import AddContext
from glf.layers.gated_resnet import concat_elu
from glf.layers.same_conv import SameConv2D


class Gate(keras.layers.Layer):
    """a sigmoid(b), (a, b) = conv(dropout(concat_elu(h))): [..., n] to [..., n].

    Args:
      features: n.
      rate: the probability with which features are dropped in training.
      size: side of the convolution's kernel, odd.
      elu: whether concat_elu is applied; h itself otherwise.
    """

    def __init__(self, features, rate=0.0, *, size=1, elu=True, dtype=None):
        super().__init__(dtype=dtype)
        self.rate, self.elu = rate, elu
        inputs = 2 * features if elu else features
        # Small at the start, so that a stack of layers begins near the identity.
        self.project = SameConv2D(inputs, 2 * features, size, gain=0.1, dtype=dtype)
        self.built = True

    def call(self, h, training=False):
        """Returns the gated features."""
        h = dropout(concat_elu(h) if self.elu else h, self.rate, training)
        a, b = tf.split(self.project(h), 2, axis=-1)
        return a * tf.sigmoid(b)


class GatedConv2D(keras.layers.Layer):
    """norm(h + gate(conv3x3(concat_elu(h)) + V context)).

    Ho et al. 2019, "Flow++" (arXiv 1902.00275), section 3.3; norm is a layer normalisation.

    Args:
      filters: number of features.
      rate: the probability with which features are dropped in training.
      gate_size: side of the gate's kernel, odd.
      normalise: whether there is the layer normalisation.
    """

    def __init__(self, filters, rate=0.0, *, gate_size=1, normalise=True, dtype=None):
        super().__init__(dtype=dtype)
        self.filters, self.rate = filters, rate
        self.gate_size, self.normalised = gate_size, normalise

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for features [None, h, w, filters] and contexts."""
        dtype = self.dtype
        self.convolve = SameConv2D(2 * self.filters, self.filters, dtype=dtype)
        self.add_context = AddContext(self.filters, dtype=dtype)
        self.add_context.build(condition_shape)
        self.gate = Gate(self.filters, self.rate, size=self.gate_size, dtype=dtype)
        if self.normalised:
            self.normalise = layer_norm(self.filters, dtype)

    def call(self, h, condition=None, training=False):
        """h [batch, height, width, filters] to the same shape."""
        y = self.add_context(self.convolve(concat_elu(h)), condition)
        h = h + self.gate(y, training=training)
        return self.normalise(h) if self.normalised else h


class GatedAttention(keras.layers.Layer):
    """norm(h + gate(attention(h + positions))), every position attending to all of them.

    Multi-head self-attention (Vaswani et al. 2017, section 3.2) with a learned embedding of the
    positions, as in Flow++ (Ho et al. 2019, section 3.3); norm is a layer normalisation. Time and
    memory grow with the square of the number of positions.

    Args:
      filters: number of features, a multiple of `heads`.
      heads: number of heads.
      rate: the probability with which features are dropped in training.
      elu: whether the gate applies concat_elu to what the attention gives.
      own_positions: whether the layer has an embedding of its own; otherwise it is given one with
        every call, which several layers can share.
    """

    def __init__(
        self,
        filters,
        heads=4,
        rate=0.0,
        *,
        elu=True,
        own_positions=True,
        dtype=None,
    ):
        super().__init__(dtype=dtype)
        self.filters, self.heads, self.rate = filters, heads, rate
        self.elu, self.own_positions = elu, own_positions

    def build(self, input_shape):
        """Makes the weights for features [None, h, w, filters]."""
        dtype = self.dtype
        if self.own_positions:
            self.positions = embed_positions(self, input_shape)
        self.project = SameConv2D(self.filters, 3 * self.filters, 1, dtype=dtype)
        self.gate = Gate(self.filters, self.rate, elu=self.elu, dtype=dtype)
        self.normalise = layer_norm(self.filters, dtype)

    def call(self, h, training=False, positions=None):
        """h [batch, height, width, filters] to the same shape."""
        height, width = h.shape[1:3]
        size = self.filters // self.heads
        positions = self.positions.value if self.own_positions else positions
        y = self.project(h + positions)
        y = tf.reshape(y, (-1, height * width, 3, self.heads, size))
        query, key, value = tf.unstack(tf.transpose(y, (2, 0, 3, 1, 4)))
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) * size**-0.5)
        y = tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3))
        y = tf.reshape(y, (-1, height, width, self.filters))
        return self.normalise(h + self.gate(y, training=training))


def embed_positions(layer, shape):
    """A new weight of `layer`: a learned embedding of the positions of features [None, h, w, n]."""
    return layer.add_weight(
        name="positions",
        shape=tuple(shape[1:]),
        initializer=keras.initializers.RandomNormal(stddev=0.01),
    )


def layer_norm(features, dtype):
    """A built layer normalisation over the last axis."""
    layer = keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype)
    layer.build((None, features))
    return layer
