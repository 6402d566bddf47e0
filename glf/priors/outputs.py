"""Densities of single real numbers whose parameters a network gives.

As the elementwise maps of bijectors they have no weights: they are told their raw (unconstrained)
parameters with every call. Noise drawn beforehand makes a number of them.
"""

import abc
import math

import numpy as np
import tensorflow as tf

from glf.core import random

# Log-scales are within ±7: whatever a network gives, densities and samples stay finite.
LARGEST_LOG_SCALE = 7.0


class RealOutput(abc.ABC):
    """A family of densities p(z | raw).

    Attributes:
      size: raw numbers for each z, P.
      noise_size: numbers of noise for each z, Q.
    """

    size: int
    noise_size: int

    @abc.abstractmethod
    def log_prob(self, z, raw):
        """log p in nats of each number: z [...] and raw [..., P] to [...]."""

    @abc.abstractmethod
    def noise(self, shape, seed, dtype):
        """Noise [*shape, Q]."""

    @abc.abstractmethod
    def decide(self, raw, noise, temperature):
        """The numbers [...] that `noise` [..., Q] makes of `raw` [..., P]."""


class GaussianOutput(RealOutput):
    """N(μ, exp(2 s)), |s| < 7: raw = (μ, r), s = 7 tanh(r / 7). Standard normal at raw = 0."""

    size = 2
    noise_size = 1

    def log_prob(self, z, raw):
        """See `RealOutput`."""
        mean, log_scale = raw[..., 0], bounded(raw[..., 1])
        standard = (z - mean) * tf.exp(-log_scale)
        return -0.5 * tf.square(standard) - log_scale - 0.5 * math.log(2 * math.pi)

    def noise(self, shape, seed, dtype):
        """See `RealOutput`: a standard normal."""
        return random.normal(tf.concat([shape, [1]], 0), seed, dtype)

    def decide(self, raw, noise, temperature):
        """μ + temperature · exp(s) · ε."""
        scale = temperature * tf.exp(bounded(raw[..., 1]))
        return raw[..., 0] + scale * noise[..., 0]


class LogisticMixtureOutput(RealOutput):
    """Σ_k π_k logistic(z; μ_k, exp(s_k)): a mixture of K logistics, in log space.

    raw = (logits of π, means, r), s = 7 tanh(r / 7). The means are offset by the middles of K equal
    parts of [-1, 1], because components that start equal would stay equal: at raw = 0 the density
    is that of a standard logistic spread out a little, by less than 0.01 nats of divergence.

    Args:
      components: K, at least 1.

    Raises:
      ValueError: for no component.
    """

    def __init__(self, components=8):
        if components < 1:
            raise ValueError(f"A mixture of logistics needs components >= 1, got {components}.")
        self.components = components
        self.size = 3 * components
        self.noise_size = components + 1
        self._offsets = (2.0 * np.arange(components) + 1.0) / components - 1.0

    def log_prob(self, z, raw):
        """See `RealOutput`."""
        logits, means, log_scales = self._split(raw)
        standard = (z[..., None] - means) * tf.exp(-log_scales)
        # log(sigmoid(t) sigmoid(-t)), which loses nothing in either tail.
        each = -tf.nn.softplus(standard) - tf.nn.softplus(-standard) - log_scales
        return tf.reduce_logsumexp(tf.nn.log_softmax(logits) + each, axis=-1)

    def noise(self, shape, seed, dtype):
        """See `RealOutput`: Gumbel noise for each component, then a standard logistic."""
        of_component = random.gumbel(
            tf.concat([shape, [self.components]], 0), random.fold(seed, "component"), dtype
        )
        of_value = random.logistic(tf.concat([shape, [1]], 0), random.fold(seed, "value"), dtype)
        return tf.concat([of_component, of_value], axis=-1)

    def decide(self, raw, noise, temperature):
        """μ_k + temperature · exp(s_k) · l,   k = argmax (logit_k + temperature · g_k)."""
        logits, means, log_scales = self._split(raw)
        chosen = tf.argmax(logits + temperature * noise[..., :-1], axis=-1)
        chosen = tf.one_hot(chosen, self.components, dtype=raw.dtype)
        mean = tf.reduce_sum(chosen * means, axis=-1)
        scale = tf.exp(tf.reduce_sum(chosen * log_scales, axis=-1))
        return mean + temperature * scale * noise[..., -1]

    def _split(self, raw):
        logits, means, log_scales = tf.split(raw, 3, axis=-1)
        return logits, means + tf.constant(self._offsets, raw.dtype), bounded(log_scales)


def bounded(raw):
    """A log-scale within ±7 that is `raw` to first order at 0."""
    return LARGEST_LOG_SCALE * tf.tanh(raw / LARGEST_LOG_SCALE)
