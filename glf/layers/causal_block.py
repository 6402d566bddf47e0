"""A block of a causal transformer: on a whole sequence, or on one position with a cache."""

import keras
import tensorflow as tf

from glf.core.traced_once import traced_once, values
from glf.layers.product import of_all_places
from glf.layers.track import track

EPSILON = 1e-5


class CausalBlock(keras.layers.Layer):
    """h ← h + W_o attention(norm(h)), then h ← h + W_2 gelu(W_1 norm(h)).

    The block of a transformer (Vaswani et al. 2017, arXiv 1706.03762, section 3), normalised before
    each half and not after it. Position t attends to the positions up to t, itself included, with
    `heads` heads; norm is a layer normalisation.

    Args:
      width: number of features, a multiple of `heads`.
      heads: number of heads.
      expansion: features within the second half, as a multiple of `width`.
    """

    def __init__(self, width, heads, expansion=4, *, dtype=None):
        super().__init__(dtype=dtype)
        self.width, self.heads, self.inner = width, heads, expansion * width

    def build(self, input_shape):
        """Makes the weights for features [None, T, width]."""
        width, inner = self.width, self.inner
        parts = []
        for name, outputs, inputs in (("attention", 3 * width, width), ("mlp", inner, inner)):
            parts += [
                self.add_weight(name=f"{name}_gamma", shape=(width,), initializer="ones"),
                self.add_weight(name=f"{name}_beta", shape=(width,), initializer="zeros"),
                self.add_weight(name=f"{name}_kernel", shape=(width, outputs)),
                self.add_weight(name=f"{name}_bias", shape=(outputs,), initializer="zeros"),
                self.add_weight(name=f"{name}_out_kernel", shape=(inputs, width)),
                self.add_weight(name=f"{name}_out_bias", shape=(width,), initializer="zeros"),
            ]
        parts = track(self, "weight", parts)
        self.attention, self.mlp = parts[:6], parts[6:]

    def call(self, h):
        """[batch, T, width] to the same shape."""
        return _whole(h, values(*self.attention), values(*self.mlp), self.heads)

    def cache(self, batch, length, dtype):
        """Empty keys and values of `length` positions, each [batch * heads, T, width / heads]."""
        empty = tf.zeros((batch * self.heads, length, self.width // self.heads), dtype)
        return empty, empty

    def step(self, h, cache, position):
        """The block at one position: h [batch, width] to the same, and the cache with it in."""
        weights = values(*self.attention), values(*self.mlp)
        return _one(h, cache, position, *weights, self.heads)


# Not `traced_once`: called as a function of its own, XLA takes what it is given for constants, and
# compiles it again for every other value.
def _whole(h, attention, mlp, heads):
    (*into, out, out_bias), (_, length, width) = attention, h.shape
    size = width // heads
    parts = tf.reshape(_project(h, *into), (-1, length, 3, heads, size))
    query, key, value = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
    scores = tf.matmul(query, key, transpose_b=True) * size**-0.5
    place = tf.range(length)
    seen = tf.nn.softmax(_visible(scores, place[:, None] >= place))
    mixed = tf.reshape(tf.transpose(tf.matmul(seen, value), (0, 2, 1, 3)), (-1, length, width))
    return _second_half(h + of_all_places(mixed, out) + out_bias, *mlp)


@traced_once
def _one(h, cache, position, attention, mlp, heads):
    (*into, out, out_bias), (keys, seen_values) = attention, cache
    _, length, size = keys.shape
    parts = tf.reshape(_project(h, *into), (-1, 3, heads, size))
    query, key, value = (
        tf.reshape(part, (-1, size)) for part in tf.unstack(tf.transpose(parts, (1, 0, 2, 3)))
    )
    # Written where they belong, in place of a choice that would copy the whole cache.
    rows = tf.range(tf.shape(key)[0])
    where = tf.stack([rows, tf.fill(tf.shape(rows), position)], 1)
    keys = tf.tensor_scatter_nd_update(keys, where, key)
    seen_values = tf.tensor_scatter_nd_update(seen_values, where, value)
    scores = tf.matmul(query[:, None], keys, transpose_b=True) * size**-0.5
    seen = tf.nn.softmax(_visible(scores, tf.range(length) <= position))
    mixed = tf.reshape(tf.matmul(seen, seen_values), (-1, heads * size))
    return _second_half(h + tf.matmul(mixed, out) + out_bias, *mlp), (keys, seen_values)


def _visible(scores, visible):
    return tf.where(visible, scores, tf.constant(float("-inf"), scores.dtype))


def _project(h, gamma, beta, kernel, bias):
    return of_all_places(layer_normalised(h, gamma, beta), kernel) + bias


def _second_half(h, gamma, beta, kernel, bias, out, out_bias):
    inner = tf.nn.gelu(_project(h, gamma, beta, kernel, bias))
    return h + of_all_places(inner, out) + out_bias


def layer_normalised(h, gamma, beta):
    """gamma (h - mean) / sqrt(variance + ε) + beta, over the last axis."""
    mean, variance = tf.nn.moments(h, [-1], keepdims=True)
    return (h - mean) * (tf.math.rsqrt(variance + EPSILON) * gamma) + beta
