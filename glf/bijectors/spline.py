"""Monotone rational-quadratic splines with linear tails, own implementation."""

import math

import tensorflow as tf

from glf.bijectors.elementwise import ElementwiseMap


class SplineMap(ElementwiseMap):
    """A rational-quadratic spline on [-bound, bound], the identity outside it.

    Between the knots (x_k, y_k) and (x_k+1, y_k+1), with bin width w, height h, mean slope
    s = h / w, slopes d_k and d_k+1 at the knots, and θ = (x - x_k) / w (Durkan, Bekasov, Murray,
    Papamakarios 2019, "Neural Spline Flows", equations 4 to 8):

      f(x)  = y_k + h (s θ² + d_k θ(1-θ)) / D         D = s + (d_k + d_k+1 - 2s) θ(1-θ)
      f'(x) = s² (d_k+1 θ² + 2s θ(1-θ) + d_k (1-θ)²) / D²

    Widths and heights are softmaxes, slopes softplus, all bounded below, slopes by 1 / min_slope
    above; the outermost slopes are 1, so that f' is continuous. The inverse solves the quadratic
    equation in θ in closed form, in the form that does not cancel.

    Args:
      num_bins: number of bins K, at least 2.
      bound: half the width of the interval, positive.
      min_bin: least width and height of a bin as a part of the interval, positive, below 1/K.
      min_slope: least slope at a knot, in (0, 1).

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(self, num_bins=8, bound=5.0, min_bin=1e-3, min_slope=1e-3):
        if num_bins < 2 or not bound > 0:
            raise ValueError(
                f"SplineMap needs num_bins >= 2 and bound > 0, got {num_bins} and {bound}."
            )
        if not 0 < min_bin * num_bins < 1 or not 0 < min_slope < 1:
            raise ValueError(
                "SplineMap needs 0 < min_bin < 1 / num_bins and 0 < min_slope < 1, got "
                f"min_bin={min_bin} with {num_bins} bins and min_slope={min_slope}."
            )
        self.num_bins = num_bins
        self.bound = bound
        self.min_bin = min_bin
        self.min_slope = min_slope
        self.groups = (num_bins, num_bins, num_bins - 1)

    def apply(self, x, raw):
        """Returns f(x) and log f'(x)."""
        inside, x_in = self._inside(x)
        x_knots, y_knots, slopes = self._knots(raw)
        left, width, low, height, slope, d_0, d_1 = _bin(x_in, x_knots, x_knots, y_knots, slopes)
        theta = tf.clip_by_value((x_in - left) / width, 0.0, 1.0)
        rest = theta * (1.0 - theta)
        y = low + height * (slope * theta**2 + d_0 * rest) / _denominator(slope, d_0, d_1, theta)
        log_derivative = _log_derivative(slope, d_0, d_1, theta)
        return tf.where(inside, y, x), tf.where(inside, log_derivative, tf.zeros_like(x))

    def undo(self, y, raw):
        """Returns f⁻¹(y) and -log f' there."""
        inside, y_in = self._inside(y)
        x_knots, y_knots, slopes = self._knots(raw)
        left, width, low, height, slope, d_0, d_1 = _bin(y_in, y_knots, x_knots, y_knots, slopes)
        # a θ² + b θ + c = 0, with the one root in [0, 1] written as 2c / (-b - sqrt(b² - 4ac)).
        rise = tf.clip_by_value(y_in - low, tf.zeros_like(height), height)
        bend = rise * (d_0 + d_1 - 2.0 * slope)
        a = height * (slope - d_0) + bend
        b = height * d_0 - bend
        c = -slope * rise
        # The discriminant is positive but for rounding; at 0 the square root has no gradient.
        tiny = tf.constant(y.dtype.as_numpy_dtype(1e-30), y.dtype)
        root = tf.sqrt(tf.maximum(b**2 - 4.0 * a * c, tiny))
        theta = tf.clip_by_value(2.0 * c / (-b - root), 0.0, 1.0)
        x = left + theta * width
        log_derivative = _log_derivative(slope, d_0, d_1, theta)
        return tf.where(inside, x, y), tf.where(inside, -log_derivative, tf.zeros_like(y))

    def _inside(self, point):
        # The spline is evaluated everywhere; where the tails are taken it gets a harmless 0, so
        # that no infinity reaches the gradient.
        inside = tf.abs(point) <= self.bound
        return inside, tf.where(inside, point, tf.zeros_like(point))

    def _knots(self, raw):
        widths, heights, slopes = tf.split(raw, self.groups, axis=-1)
        # At raw = 0 every slope is 1 and the spline is the identity.
        offset = math.log(math.expm1(1.0 - self.min_slope))
        slopes = self.min_slope + tf.nn.softplus(slopes + offset)
        # Far beyond what is ever learned, steeper knots overflow in the derivative.
        slopes = tf.minimum(slopes, 1.0 / self.min_slope)
        ones = tf.ones_like(slopes[..., :1])
        return (
            self._cumulate(widths),
            self._cumulate(heights),
            tf.concat([ones, slopes, ones], axis=-1),
        )

    def _cumulate(self, raw):
        parts = self.min_bin + (1.0 - self.min_bin * self.num_bins) * tf.nn.softmax(raw)
        inner = self.bound * (2.0 * tf.cumsum(parts, axis=-1)[..., :-1] - 1.0)
        edge = self.bound * tf.ones_like(inner[..., :1])
        return tf.concat([-edge, inner, edge], axis=-1)


def _bin(point, knots, x_knots, y_knots, slopes):
    """The bin of `knots` that holds `point`: left, width, low, height, mean slope, both slopes."""
    index = tf.reduce_sum(tf.cast(point[..., None] >= knots[..., 1:-1], tf.int32), axis=-1)
    # A sum over a one-hot choice instead of gathers, whose gradients are scatters.
    choice = tf.one_hot(index, knots.shape[-1] - 1, dtype=point.dtype)
    columns = tf.stack(
        [
            x_knots[..., :-1],
            x_knots[..., 1:] - x_knots[..., :-1],
            y_knots[..., :-1],
            y_knots[..., 1:] - y_knots[..., :-1],
            slopes[..., :-1],
            slopes[..., 1:],
        ],
        axis=-2,
    )
    chosen = tf.reduce_sum(columns * choice[..., None, :], axis=-1)
    left, width, low, height, d_0, d_1 = tf.unstack(chosen, axis=-1)
    return left, width, low, height, height / width, d_0, d_1


def _denominator(slope, d_0, d_1, theta):
    # The paper's D with its difference multiplied out: a sum of positive terms.
    return slope * (theta**2 + (1.0 - theta) ** 2) + (d_0 + d_1) * theta * (1.0 - theta)


def _log_derivative(slope, d_0, d_1, theta):
    rest = theta * (1.0 - theta)
    numerator = d_1 * theta**2 + 2.0 * slope * rest + d_0 * (1.0 - theta) ** 2
    denominator = _denominator(slope, d_0, d_1, theta)
    return 2.0 * (tf.math.log(slope) - tf.math.log(denominator)) + tf.math.log(numerator)
