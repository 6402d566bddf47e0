"""One softmax over all levels of a value."""

import tensorflow as tf

from glf.core import random
from glf.families.base import Family, HasMean


class Categorical(Family, HasMean):
    """P(x = c) = softmax(logits)_c, and x = argmax_c (logit_c + temperature g_c).

    g is standard Gumbel noise (Gumbel 1954; Maddison et al. 2014, arXiv 1411.0030).
    """

    integers = True

    def __init__(self, channels, levels=None, *, dtype="float32"):
        super().__init__(channels, levels, dtype=dtype)
        self.parameter_size = self.noise_size = levels

    def log_prob(self, parameters, x):
        """See `Family`."""
        labels = tf.cast(x[..., 0], tf.int32)
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels, parameters)

    def cross_entropy(self, parameters, target, x):
        """See `Family`: exact."""
        del x
        return tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(target), parameters)

    def mean(self, parameters):
        """See `HasMean`."""
        levels = tf.range(self.levels, dtype=parameters.dtype)
        return tf.reduce_sum(tf.nn.softmax(parameters) * levels, -1, keepdims=True)

    def _level_log_probs(self, parameters, before):
        return tf.nn.log_softmax(parameters)

    def _noise(self, shape_of, seed):
        return random.gumbel(shape_of(self.levels), seed, self.dtype)

    def _decide(self, parameters, noise, temperature, known):
        return tf.argmax(parameters + temperature * noise, -1, tf.int32)[..., None]
