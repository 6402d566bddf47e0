"""An inverse autoregressive flow over all values of an image."""

import tensorflow as tf

from glf.bijectors.autoregressive import AutoregressiveBijector
from glf.bijectors.base import ImageBijector
from glf.bijectors.elementwise import AffineMap
from glf.networks.masked_image_network import MaskedImageNetwork

# What a pass may hand on to the next one. Values that are not final yet can grow from pass to pass,
# and an infinity would turn masked connections into 0 · ∞.
LARGEST_VALUE = 1e12


class ImageIAF(AutoregressiveBijector, ImageBijector):
    """y_i = f(u_i; θ_i(u_before i)), log|det dy/du| = Σ log f', i running through all values.

    The inverse autoregressive flow (Kingma et al. 2016, section 4) with a masked convolutional
    network; values are ordered row by row, channels fastest. As the noise model of a dequantizer it
    is autoregressive dequantization (Hoogeboom, Cohen, Tomczak 2020). Sampling, the forward, takes
    one pass of the network.

    The inverse solves u = f⁻¹(y; θ(u)) by repeating it from u = 0 until nothing changes. Pass k
    makes at least the first k values final, so that takes at most h·w·c + 1 passes and mostly far
    fewer, and ends at the sequential solution. Its gradient solves the adjoint equation
    λ = g + (∂f⁻¹/∂u)ᵀ λ in the same way. The network must not depend on `training`.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the masked network θ, called with `parameters=` and `dtype=`.
    """

    def __init__(self, make_map=AffineMap, make_network=MaskedImageNetwork, *, dtype="float32"):
        super().__init__(make_map, make_network, dtype=dtype)

    def _forward(self, u, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """As many passes as it takes."""

        def one_pass(u, y, condition):
            return self.elementwise.undo(y, self._parameters(u, condition))

        fixed_y = tf.stop_gradient(y)
        fixed_condition = None if condition is None else tf.stop_gradient(condition)
        passes = self.event_shape[0] * self.event_shape[1] * self.event_shape[2] + 1
        u = _settle(
            lambda u: tf.clip_by_value(
                one_pass(u, fixed_y, fixed_condition)[0], -LARGEST_VALUE, LARGEST_VALUE
            ),
            tf.zeros_like(y),
            passes,
        )

        # The value is still u; what y, the condition and the weights do to it directly is in this
        # pass's gradient, what they do by way of earlier values is in the adjoint's.
        u, _ = one_pass(tf.stop_gradient(u), y, condition)
        u = _through_itself(lambda u: one_pass(u, fixed_y, fixed_condition)[0], u, passes)
        _, log_derivative = one_pass(u, y, condition)
        return u, tf.reduce_sum(log_derivative, axis=(1, 2, 3))


def _settle(function, start, passes):
    """Repeats `function` until its value stays as it is, at most `passes` times."""

    def once_more(value, changing):
        new = function(value)
        return new, tf.reduce_any(new != value)

    return tf.while_loop(
        lambda value, changing: changing,
        once_more,
        (start, tf.constant(True)),
        maximum_iterations=passes,
    )[0]


def _through_itself(function, point, passes):
    """`point` itself, a fixed point of `function`, with the gradient (1 - Jᵀ)⁻¹ g for g.

    J is the function's Jacobian there, strictly triangular, so that λ = g + Jᵀ λ settles.
    """

    @tf.custom_gradient
    def identity(point):
        def gradient(upstream):
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(point)
                image = function(point)

            def adjoint(value):
                return upstream + tape.gradient(image, point, output_gradients=value)

            return _settle(adjoint, upstream, passes)

        return tf.identity(point), gradient

    return identity(point)
