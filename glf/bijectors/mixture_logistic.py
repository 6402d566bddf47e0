"""The cumulative distribution of a mixture of logistics as an elementwise map."""

import numpy as np
import tensorflow as tf

from glf.bijectors.elementwise import ElementwiseMap

NEWTON_STEPS = 40
# Halvings after those: each leaves half of the bracket, down to its own rounding errors.
BISECTIONS = {tf.float32: 30, tf.float64: 60}
EPSILON = {tf.float32: 2.0**-23, tf.float64: 2.0**-52}
# Below this log-slope the gradient of the inverse is no longer enlarged: exp(60) is still finite.
LEAST_LOG_SLOPE = -60.0


class MixtureLogisticMap(ElementwiseMap):
    """y = exp(s) logit(F(x)) + t, F the distribution of a mixture of K logistics.

      F(x) = Σ_k π_k sigmoid(z_k)      z_k = (x - μ_k) exp(-l_k)      s = clamp · tanh(raw)
      log f'(x) = s + log F'(x) - log F(x) - log(1 - F(x))

    Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++" (arXiv 1902.00275), section 3.2. All is done in
    log space: logit F = log F - log(1 - F), both by logsumexp, so that far out, where F rounds to
    0 or 1, nothing is lost and f is linear.

    The log-scales l are clipped to ±|min_log_scale|. The means are offset by the middles of K equal
    parts of [-1, 1], because components that start equal would stay equal. All-zero parameters
    therefore give a map near the identity, |f(x) - x| < 0.17, and the identity itself for K = 1.

    The inverse has no closed form. Each component alone would give the root μ_k + exp(l_k) l, with
    l = (y - t) exp(-s); the least and the largest of these enclose the root of the mixture. From
    there Newton's method goes on within the bracket, which shrinks with every step; a step that
    would leave it, or is not half as long as the one before, is a bisection instead. An element is
    done when its residual or its step is at the rounding errors, at the latest after 40 such steps
    and 30 (float32) or 60 (float64) bisections. |f(f⁻¹(y)) - y| is within 16 ε (1 + |y| + C),
    ε the machine epsilon of the dtype and C = f'(x) max(|x|, |μ_k|), what the rounding of x and
    the means alone do to y; `largest_residual` measures it. Gradients of the inverse follow from
    the implicit function theorem.

    Args:
      components: number of logistics, K, at least 1; 32 in Flow++.
      min_log_scale: least log-scale, negative; the largest is its opposite.
      clamp: bound on |s|, positive.

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, components=8, min_log_scale=-7.0, clamp=1.0):
        if components < 1 or not min_log_scale < 0 or not clamp > 0:
            raise ValueError(
                "MixtureLogisticMap needs components >= 1, min_log_scale < 0 and clamp > 0, got "
                f"{components}, {min_log_scale} and {clamp}."
            )
        self.components = components
        self.min_log_scale = min_log_scale
        self.clamp = clamp
        self.groups = (components, components, components, 1, 1)

    def apply(self, x, raw):
        """Returns exp(s) logit(F(x)) + t and log f'(x)."""
        mixture, log_scale, shift = self._parameters(raw)
        logit, log_slope = _logit(x, *mixture)
        return tf.exp(log_scale) * logit + shift, log_scale + log_slope

    def undo(self, y, raw):
        """Returns f⁻¹(y) and -log f' there."""
        mixture, log_scale, shift = self._parameters(raw)
        target = (y - shift) * tf.exp(-log_scale)
        x = _solve(target, *mixture)
        # A Newton step whose value is 0 and whose gradient is the implicit function theorem's.
        logit, log_slope = _logit(x, *mixture)
        residual = logit - target
        slope = tf.exp(tf.stop_gradient(tf.maximum(log_slope, LEAST_LOG_SLOPE)))
        x -= (residual - tf.stop_gradient(residual)) / slope
        return x, -(log_scale + _logit(x, *mixture)[1])

    def largest_residual(self, y, raw):
        """Returns the largest |f(f⁻¹(y)) - y| of all elements, a scalar."""
        x, _ = self.undo(y, raw)
        return tf.reduce_max(tf.abs(self.apply(x, raw)[0] - y))

    def _parameters(self, raw):
        """Returns (log-weights, means, log-scales), each [..., m, K], then s and t [..., m]."""
        weights, means, scales, log_scale, shift = tf.split(raw, self.groups, axis=-1)
        middles = (2.0 * np.arange(self.components) + 1.0) / self.components - 1.0
        spread = tf.constant(middles, raw.dtype)
        scales = tf.clip_by_value(scales, self.min_log_scale, -self.min_log_scale)
        mixture = tf.nn.log_softmax(weights), means + spread, scales
        return mixture, self.clamp * tf.tanh(log_scale[..., 0]), shift[..., 0]


def _logit(x, log_weights, means, log_scales):
    """logit F(x) and the logarithm of its derivative."""
    z = (x[..., None] - means) * tf.exp(-log_scales)
    below, above = tf.math.log_sigmoid(z), tf.math.log_sigmoid(-z)
    log_cdf = tf.reduce_logsumexp(log_weights + below, axis=-1)
    log_rest = tf.reduce_logsumexp(log_weights + above, axis=-1)
    # Grouped so that in a tail large numbers meet their own kind and cancel before they are added
    # to small ones.
    inner = (log_weights + above - log_rest[..., None]) + (below - log_cdf[..., None])
    return log_cdf - log_rest, tf.reduce_logsumexp(inner - log_scales, axis=-1)


def _solve(target, log_weights, means, log_scales):
    """The x with logit F(x) = target, without gradients."""
    target, log_weights, means, log_scales = (
        tf.stop_gradient(part) for part in (target, log_weights, means, log_scales)
    )
    alone = means + tf.exp(log_scales) * target[..., None]
    low, high = tf.reduce_min(alone, axis=-1), tf.reduce_max(alone, axis=-1)
    start = tf.clip_by_value(tf.reduce_sum(tf.exp(log_weights) * alone, axis=-1), low, high)
    epsilon = target.dtype.as_numpy_dtype(EPSILON[target.dtype])
    steps = NEWTON_STEPS + BISECTIONS[target.dtype]

    def improve(i, x, low, high, previous, done):
        logit, log_slope = _logit(x, log_weights, means, log_scales)
        residual = logit - target
        low, high = tf.where(residual < 0, x, low), tf.where(residual > 0, x, high)
        middle = 0.5 * (low + high)
        newton = residual * tf.exp(-tf.maximum(log_slope, LEAST_LOG_SLOPE))
        small = epsilon * tf.abs(x)
        # Done elements stay as they are, so that none depends on what else is in the batch.
        done |= (tf.abs(residual) <= 4.0 * epsilon * (1.0 + tf.abs(target))) | (
            tf.abs(newton) <= small
        )
        # An infinite or undefined step is not inside either.
        inside = (x - newton >= low) & (x - newton <= high) & (tf.abs(newton) <= 0.5 * previous)
        new = tf.where(inside & (i < NEWTON_STEPS), x - newton, middle)
        step = tf.abs(new - x)
        x = tf.where(done, x, new)
        done |= step <= small
        return i + 1, x, low, high, step, done

    loop = (tf.constant(0), start, low, high, high - low, low >= high)
    return tf.stop_gradient(
        tf.while_loop(
            lambda i, x, low, high, previous, done: (i < steps) & ~tf.reduce_all(done),
            improve,
            loop,
            maximum_iterations=steps,
        )[1]
    )
