"""Discretized mixtures of logistics on all integers."""

import math

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.core.checks import check_at_least
from glf.families.base import LARGEST_LOG_SCALE, Family

# Means stay within this, so that what is drawn is an integer that float32 holds exactly.
LARGEST_MEAN = 2.0**16


class IntegerLogisticMixture(Family):
    """P(x) = Σ_k π_k (F((x + 1/2 - μ_k) / s_k) - F((x - 1/2 - μ_k) / s_k)) for every integer x.

    F is the logistic function (Hoogeboom et al. 2019, arXiv 1905.07376, equation 9); what lies
    beyond the data's levels has its probability too, so that all sum to 1 with no bin that reaches
    to infinity. With t = (x ± 1/2 - μ) / s,

      log(F(t₁) - F(t₀)) = log F(t₁) + log F(-t₀) + log(1 - e^(-1/s)),

    which loses no digits in the tails. The parameters of a value are (logits of π, m, r), and with
    one component (m, r). With the softplus function S, ε = `min_log_scale` and τ = 7, or
    log(2 unit) where that is more,

      μ_k = unit (m_k + o_k), within ±2^16      log s_k = τ - S(τ - ε - S(log(unit / 8) + r_k - ε)):

    means begin at the middles of K equal parts of ±unit, one component at 0, scales at unit / 8.

    Args:
      channels: see `Family`.
      levels: not used: there is no first and no last integer.
      components: K, at least 1.
      min_log_scale: no scale is less than e to the power of this; at -3 the best integer has a
        probability of 0.9999, and one beside it costs 10 nats.
      unit: half of the width that data have, about; given by code.
      dtype: see `Family`.

    Raises:
      ValueError: for no component, or a smallest scale that is not below the first one.
    """

    given_by_code = ("channels", "levels", "unit", "dtype")
    integers = True
    unbounded = True

    def __init__(
        self,
        channels,
        levels=None,
        *,
        components=1,
        min_log_scale=-3.0,
        unit=1,
        dtype="float32",
    ):
        super().__init__(channels, levels, dtype=dtype)
        check_at_least("IntegerLogisticMixture.components", components, 1)
        self.first_log_scale = math.log(unit / 8)
        if not min_log_scale < self.first_log_scale:
            raise ValueError(
                "IntegerLogisticMixture.min_log_scale must be less than log(unit / 8) = "
                f"{self.first_log_scale:.3g}, got {min_log_scale}."
            )
        self.components, self.min_log_scale, self.unit = components, min_log_scale, unit
        self.max_log_scale = max(LARGEST_LOG_SCALE, math.log(2 * unit))
        self.parameter_size = 3 * components if components > 1 else 2
        self.noise_size = components + 1
        self._offsets = (2.0 * np.arange(components) + 1.0) / components - 1.0

    def split(self, parameters):
        """Parameters [..., P] as (log π, μ, log s), each [..., K]; μ and s in integers."""
        if self.components == 1:
            means, log_scales = tf.split(parameters, 2, -1)
            log_weights = tf.zeros_like(means)
        else:
            logits, means, log_scales = tf.split(parameters, 3, -1)
            log_weights = tf.nn.log_softmax(logits)
        means = self.unit * (means + tf.constant(self._offsets, parameters.dtype))
        means = tf.clip_by_value(means, -LARGEST_MEAN, LARGEST_MEAN)
        low, high = self.min_log_scale, self.max_log_scale
        above = tf.nn.softplus(self.first_log_scale + log_scales - low)
        return log_weights, means, high - tf.nn.softplus(high - low - above)

    def log_prob(self, parameters, x):
        """See `Family`."""
        log_weights, means, log_scales = self.split(parameters)
        centred, inverse = tf.cast(x, self.dtype) - means, tf.exp(-log_scales)
        high, low = inverse * (centred + 0.5), inverse * (centred - 0.5)
        # The difference is exactly 1 / s.
        each = tf.math.log(-tf.math.expm1(-inverse))
        each += tf.math.log_sigmoid(high) + tf.math.log_sigmoid(-low)
        return tf.reduce_logsumexp(log_weights + each, -1)

    def _noise(self, shape_of, seed):
        """Gumbel noise for the component, logistic noise for the value."""
        component = random.gumbel(
            shape_of(self.components), random.fold(seed, "component"), self.dtype
        )
        value = random.logistic(shape_of(1), random.fold(seed, "value"), self.dtype)
        return tf.concat([component, value], -1)

    def _decide(self, parameters, noise, temperature, known):
        """The integer nearest to μ_k + temperature s_k l,  k = argmax(log π + temperature g)."""
        if known is not None:
            raise ValueError(
                "Values of IntegerLogisticMixture are any integers, and -1 is one of them: it "
                "takes no known values."
            )
        log_weights, means, log_scales = self.split(parameters)
        chosen = tf.argmax(log_weights + temperature * noise[..., :-1], -1)
        chosen = tf.one_hot(chosen, self.components, dtype=parameters.dtype)
        mean = tf.reduce_sum(chosen * means, -1, keepdims=True)
        scale = tf.exp(tf.reduce_sum(chosen * log_scales, -1, keepdims=True))
        drawn = tf.round(mean + temperature * scale * noise[..., -1:])
        return tf.cast(drawn, tf.int32)
