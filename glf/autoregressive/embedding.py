"""Embeddings: integers as they enter a causal network."""

import abc

import tensorflow as tf


class Embedding(abc.ABC):
    """Integers [..., channels] to features [..., channels * size], channel after channel.

    Args:
      levels: x is in {0, ..., levels - 1}.

    Attributes:
      size: features of one channel.
    """

    given_by_code = ("levels",)

    def __init__(self, levels):
        self.levels = levels

    @abc.abstractmethod
    def __call__(self, x, dtype):
        """The features of x as `dtype`."""


class Scaled(Embedding):
    """2 x / (levels - 1) - 1: for values with an order."""

    size = 1

    def __call__(self, x, dtype):
        """See `Embedding`."""
        return tf.cast(tf.cast(x, tf.float32) * (2.0 / (self.levels - 1)) - 1.0, dtype)


class OneHot(Embedding):
    """One feature for each level: for categories without an order."""

    def __init__(self, levels):
        super().__init__(levels)
        self.size = levels

    def __call__(self, x, dtype):
        """See `Embedding`."""
        hot = tf.one_hot(tf.cast(x, tf.int32), self.levels, dtype=dtype)
        return tf.reshape(hot, tf.concat([tf.shape(x)[:-1], [x.shape[-1] * self.levels]], 0))
