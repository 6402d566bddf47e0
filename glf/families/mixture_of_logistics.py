"""Mixtures of logistics of one real number."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.families.base import Family, HasMean, bounded


class MixtureOfLogistics(Family, HasMean):
    """Σ_k π_k logistic(x; μ_k, exp(s_k)): a mixture of K logistics, in log space.

    The parameters are (logits of π, means, r), s = 7 tanh(r / 7). The means are offset by the
    middles of K equal parts of [-1, 1], because components that start equal would stay equal: at
    zero the density is that of a standard logistic spread out a little, by less than 0.01 nats of
    divergence.

    Args:
      channels: see `Family`.
      levels: see `Family`.
      components: K, at least 1.
      dtype: see `Family`.

    Raises:
      ValueError: for no component.
    """

    def __init__(self, channels, levels=None, *, components=8, dtype="float32"):
        super().__init__(channels, levels, dtype=dtype)
        if components < 1:
            raise ValueError(f"MixtureOfLogistics.components must be at least 1, got {components}.")
        self.components = components
        self.parameter_size = 3 * components
        self.noise_size = components + 1
        self._offsets = (2.0 * np.arange(components) + 1.0) / components - 1.0

    def log_prob(self, parameters, x):
        """See `Family`."""
        logits, means, log_scales = self._split(parameters)
        standard = (x - means) * tf.exp(-log_scales)
        # log(sigmoid(t) sigmoid(-t)), which loses nothing in either tail.
        each = -tf.nn.softplus(standard) - tf.nn.softplus(-standard) - log_scales
        return tf.reduce_logsumexp(tf.nn.log_softmax(logits) + each, axis=-1)

    def mean(self, parameters):
        """Σ_k π_k μ_k."""
        logits, means, _ = self._split(parameters)
        return tf.reduce_sum(tf.nn.softmax(logits) * means, -1, keepdims=True)

    def _noise(self, shape_of, seed):
        """Gumbel noise for each component, then a standard logistic."""
        component = random.gumbel(
            shape_of(self.components), random.fold(seed, "component"), self.dtype
        )
        value = random.logistic(shape_of(1), random.fold(seed, "value"), self.dtype)
        return tf.concat([component, value], -1)

    def _decide(self, parameters, noise, temperature, known):
        """μ_k + temperature · exp(s_k) · l,   k = argmax (logit_k + temperature · g_k)."""
        logits, means, log_scales = self._split(parameters)
        chosen = tf.argmax(logits + temperature * noise[..., :-1], axis=-1)
        chosen = tf.one_hot(chosen, self.components, dtype=parameters.dtype)
        mean = tf.reduce_sum(chosen * means, axis=-1, keepdims=True)
        scale = tf.exp(tf.reduce_sum(chosen * log_scales, axis=-1, keepdims=True))
        return mean + temperature * scale * noise[..., -1:]

    def _split(self, parameters):
        logits, means, log_scales = tf.split(parameters, 3, axis=-1)
        return logits, means + tf.constant(self._offsets, parameters.dtype), bounded(log_scales)
