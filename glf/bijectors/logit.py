"""First steps of a flow on images: from the unit interval to the real line, or around zero."""

import math

import tensorflow as tf

from glf.bijectors.base import Bijector, same_for_all


class Logit(Bijector):
    """u = logit(p), p = α + (1 - 2α) y, for y in [0, 1], elementwise on events of any shape.

      log|det du/dy| = Σ (log(1 - 2α) - log p - log(1 - p))

    RealNVP (Dinh, Sohl-Dickstein, Bengio 2016, section 4.1) and Flow++ take α = 0.05. Both
    logarithms are of sums without cancellation, precise in float32 also where y is 0 or 1, and u
    is ±logit(α).

    A y so far outside of [0, 1] that p is not in (0, 1) is the image of no u: its density is 0. It
    gets the log-determinant -∞, as densities of bounded support have, and the u of the nearer end.

    Forward, u beyond ±logit(α) belongs to no y in [0, 1]: it comes out as 0 or 1, with the
    log-determinant of the map without that limit, -Σ (log(1 - 2α) + softplus(u) + softplus(-u)),
    which is finite however large u is.

    Args:
      alpha: α in (0, 0.5).

    Raises:
      ValueError: for another α.
    """

    of_unit_interval = True

    def __init__(self, alpha=1e-6, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if not 0 < alpha < 0.5:
            raise ValueError(f"Logit needs 0 < alpha < 0.5, got {alpha}.")
        self.alpha = alpha

    def _total(self, log_derivative):
        """Sums per element, and adds the constant of every element."""
        constant = math.log1p(-2 * self.alpha) * math.prod(self.event_shape)
        axes = list(range(1, log_derivative.shape.rank))
        return tf.reduce_sum(log_derivative, axes) + constant

    def _forward(self, u, condition, training):
        """y = (sigmoid(u) - α) / (1 - 2α), limited to [0, 1]."""
        y = (tf.sigmoid(u) - self.alpha) / (1 - 2 * self.alpha)
        log_det = -self._total(tf.math.softplus(u) + tf.math.softplus(-u))
        return tf.clip_by_value(y, 0.0, 1.0), log_det

    def _inverse(self, y, condition, training):
        """u = log p - log(1 - p)."""
        width = 1 - 2 * self.alpha
        outside = (self.alpha + width * y <= 0) | (self.alpha + width * (1 - y) <= 0)
        y = tf.where(outside, tf.clip_by_value(y, 0.0, 1.0), y)
        log_p = tf.math.log(self.alpha + width * y)
        log_rest = tf.math.log(self.alpha + width * (1 - y))
        log_det = self._total(-log_p - log_rest)
        nowhere = tf.reduce_any(outside, list(range(1, outside.shape.rank)))
        return log_p - log_rest, tf.where(nowhere, tf.constant(-math.inf, y.dtype), log_det)


class Center(Bijector):
    """u = scale (y - 1/2), log|det du/dy| = D log(scale), for events of D numbers of any shape.

    With scale 1 this is what Glow's published code does to y in [0, 1] before its flow.

    Args:
      scale: positive.

    Raises:
      ValueError: for a scale that is not positive.
    """

    def __init__(self, scale=1.0, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if not scale > 0:
            raise ValueError(f"Center needs scale > 0, got {scale}.")
        self.scale = scale

    def _log_det(self, point):
        total = math.log(self.scale) * math.prod(self.event_shape)
        return same_for_all(tf.constant(total, point.dtype), point)

    def _forward(self, u, condition, training):
        """y = u / scale + 1/2."""
        return u / self.scale + 0.5, -self._log_det(u)

    def _inverse(self, y, condition, training):
        """u = scale (y - 1/2)."""
        return self.scale * (y - 0.5), self._log_det(y)
