"""Discretized mixtures of logistics: all channels of a pixel at once."""

import tensorflow as tf

from glf.core import random
from glf.families.base import LARGEST_LOG_SCALE, Family


class DiscretizedLogisticMixture(Family):
    """A discretized mixture of logistics for each pixel (Salimans et al. 2017, equations 2 and 3).

    On the scale y = 2 x / (levels - 1) - 1 channel c of component k is logistic with scale
    s_kc and mean m_kc + sum_b<c a_kcb y_b, b the channels before it; one component k is drawn for
    all channels. The probability of a level is what its bin of width 2 / (levels - 1) holds; the
    lowest and the highest level's bins reach to minus and plus infinity. With t = (y - mean) / s
    at the bin's edges,

      log(sigmoid(t1) - sigmoid(t0)) = log sigmoid(t1) + log sigmoid(-t0) + log(1 - e^(t0 - t1)),

    which loses no digits in the tails.

    Args:
      channels: see `Family`.
      levels: see `Family`.
      components: the number of logistics, K, at least 1.
      min_log_scale: log s is at least this, and at most 7: flat over all levels.
      dtype: see `Family`.

    Raises:
      ValueError: for no component.
    """

    integers = True

    def __init__(
        self, channels, levels=None, *, components=10, min_log_scale=-7.0, dtype="float32"
    ):
        super().__init__(channels, levels, dtype=dtype)
        if components < 1:
            raise ValueError(
                f"DiscretizedLogisticMixture.components must be at least 1, got {components}."
            )
        self.components = components
        self.min_log_scale = min_log_scale
        self.values = channels
        self._pairs = channels * (channels - 1) // 2
        self.parameter_size = components * (1 + 2 * channels + self._pairs)
        self.noise_size = components + channels

    def log_prob(self, parameters, x):
        """See `Family`."""
        logits, means, log_scales, slopes = self._split(parameters)
        y, total = self._scaled(x), tf.nn.log_softmax(logits)
        for c in range(self.channels):
            mean = self._mean(means, slopes, y, c)
            total += self._log_bin(x[..., c, None], mean, log_scales[..., c, :])
        return tf.reduce_logsumexp(total, -1)

    def _level_log_probs(self, parameters, before):
        """Components are weighed by what they gave the values before."""
        logits, means, log_scales, slopes = self._split(parameters)
        weights, c = tf.nn.log_softmax(logits), len(before)
        y = self._scaled(tf.stack(before, -1)) if before else None
        for b, value in enumerate(before):
            mean = self._mean(means, slopes, y, b)
            weights += self._log_bin(value[..., None], mean, log_scales[..., b, :])
        levels = tf.reshape(tf.range(self.levels), [self.levels, 1])
        mean, log_scale = self._mean(means, slopes, y, c), log_scales[..., c, :]
        bins = self._log_bin(levels, mean[..., None, :], log_scale[..., None, :])
        return tf.reduce_logsumexp(tf.nn.log_softmax(weights)[..., None, :] + bins, -1)

    def _log_bin(self, value, mean, log_scale):
        """log of what the bin of integers `value` holds of logistics; all arguments broadcast."""
        half, inverse = 1.0 / (self.levels - 1), tf.exp(-log_scale)
        centred = self._scaled(value) - mean
        high, low = inverse * (centred + half), inverse * (centred - half)
        # The difference is exactly the bin's width over the scale.
        inside = tf.math.log(-tf.math.expm1(-2 * half * inverse))
        inside += tf.math.log_sigmoid(high) + tf.math.log_sigmoid(-low)
        log_bin = tf.where(value == 0, tf.math.log_sigmoid(high), inside)
        return tf.where(value == self.levels - 1, tf.math.log_sigmoid(-low), log_bin)

    def _noise(self, shape_of, seed):
        """Gumbel noise for the component, logistic noise for each channel."""
        logistic = random.logistic(shape_of(self.channels), random.fold(seed, "values"), self.dtype)
        component = random.gumbel(
            shape_of(self.components), random.fold(seed, "component"), self.dtype
        )
        return tf.concat([component, logistic], -1)

    def _decide(self, parameters, noise, temperature, known):
        """Values are quantised one channel after the other."""
        logits, means, log_scales, slopes = self._split(parameters)
        chosen = tf.argmax(logits + temperature * noise[..., : self.components], -1)
        chosen = tf.one_hot(chosen, self.components, dtype=logits.dtype)
        values = []
        for c in range(self.channels):
            y = self._scaled(tf.stack(values, -1)) if values else None
            mean = tf.reduce_sum(chosen * self._mean(means, slopes, y, c), -1)
            scale = tf.exp(tf.reduce_sum(chosen * log_scales[..., c, :], -1))
            drawn = mean + temperature * scale * noise[..., self.components + c]
            top = self.levels - 1
            drawn = tf.clip_by_value(tf.round((drawn + 1) * (top / 2)), 0, top)
            value = tf.cast(drawn, tf.int32)
            if known is not None:
                value = tf.where(known[..., c] >= 0, known[..., c], value)
            values.append(value)
        return tf.stack(values, -1)

    def _split(self, parameters):
        """Logits [..., K], means and log-scales [..., channels, K], slopes [..., pairs, K]."""
        k, c = self.components, self.channels
        shape = tf.shape(parameters)[:-1]
        sizes = [k, k * c, k * c, k * self._pairs]
        logits, means, log_scales, slopes = tf.split(parameters, sizes, -1)
        means, log_scales = (
            tf.reshape(part, tf.concat([shape, [c, k]], 0)) for part in (means, log_scales)
        )
        slopes = tf.reshape(tf.tanh(slopes), tf.concat([shape, [self._pairs, k]], 0))
        log_scales = tf.clip_by_value(log_scales, self.min_log_scale, LARGEST_LOG_SCALE)
        return logits, means, log_scales, slopes

    def _mean(self, means, slopes, y, c):
        mean, first = means[..., c, :], c * (c - 1) // 2
        for b in range(c):
            mean += slopes[..., first + b, :] * y[..., b, None]
        return mean

    def _scaled(self, x):
        return tf.cast(x, self.dtype) * (2.0 / (self.levels - 1)) - 1.0
