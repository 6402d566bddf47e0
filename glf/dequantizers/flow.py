"""Noise made by a flow that looks at the image."""

import math
from functools import partial

import tensorflow as tf

from glf.bijectors.chain import Chain, Invert
from glf.bijectors.elementwise import AffineMap
from glf.bijectors.image_autoregressive import ImageIAF
from glf.bijectors.image_coupling import ImageCoupling
from glf.core import random
from glf.core.part import made_by
from glf.dequantizers.base import Dequantizer
from glf.layers.context import context_features, with_context
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.image_context import ImageContext
from glf.networks.masked_image_network import MaskedImageNetwork
from glf.solvers.fixed_point import FixedPoint

SmallConditioner = partial(GlowConditioner, filters=64)


def _log_normal(noise):
    constant = 0.5 * math.log(2 * math.pi) * noise.shape[1:].num_elements()
    return -0.5 * tf.reduce_sum(tf.square(noise), axis=(1, 2, 3)) - constant


def _log_slope(logits):
    """Σ log of the sigmoid's derivative, which is also the density of logistic noise."""
    each = tf.math.log_sigmoid(logits) + tf.math.log_sigmoid(-logits)
    return tf.reduce_sum(each, axis=(1, 2, 3))


NOISE = {"normal": (random.normal, _log_normal), "logistic": (random.logistic, _log_slope)}


class FlowDequantizer(Dequantizer):
    """v = sigmoid(f(ε; context)), ε normal or logistic, f a bijector, the context made of x.

      log q(v | x) = log p(ε) - log|det df/dε| - Σ log(v (1 - v))

    Variational dequantization (Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++", section 3.1), and
    with an autoregressive f the autoregressive one (Hoogeboom, Cohen, Tomczak 2020, "Learning
    Discrete Distributions by Dequantization"). The context is what a network makes of x, scaled to
    [-1, 1], and the condition, and behind its features those of the condition itself.

    ε ~ N(0, I) is the papers' choice. Standard logistic noise has the tails of a uniform v: with f
    the identity, where most bijectors start, v is uniform, and the weights of importance-weighted
    bounds have a finite variance, which with normal noise they lack.

    log q of a draw is computed from f(ε), where no digits are lost; v itself is limited to what
    keeps x + v below x + 1. Computed from a v near 1, `log_prob` loses the digits that v has lost.

    Args:
      make_bijector: factory of f, called without arguments and built for images and the context;
        its dtype is the dequantizer's. Draws take its forward direction, `log_prob` the inverse.
      make_context: factory of the network, called with `units=` and `dtype=`.
      features: how many features of x there are at each position, at least 1.
      noise: "normal" or "logistic".

    Raises:
      ValueError: for no feature, or other noise.
    """

    def __init__(self, make_bijector, make_context=ImageContext, features=32, noise="normal"):
        bijector = made_by(make_bijector, "FlowDequantizer.make_bijector")
        super().__init__(dtype=bijector.compute_dtype)
        if features < 1 or noise not in NOISE:
            raise ValueError(
                f"{type(self).__name__} needs features >= 1 and noise among {sorted(NOISE)}, got "
                f"features={features}, noise={noise!r}."
            )
        self.draw_noise, self.log_noise = NOISE[noise]
        self.bijector = bijector
        where = "FlowDequantizer.make_context"
        self.network = made_by(make_context, where, units=features, dtype=self.dtype)
        self.features = features

    def build(self, image_shape, levels, condition_shape=None):
        """Builds the network and the bijector."""
        super().build(image_shape, levels, condition_shape)
        height, width, _ = self.image_shape
        self.network.build((None, *self.image_shape), condition_shape)
        features = self.features + context_features(condition_shape)
        self.bijector.build((None, *self.image_shape), (None, height, width, features))

    def _context(self, x, condition, training):
        x, condition = self.check(x, condition)
        x = tf.cast(x, self.compute_dtype) * (2.0 / (self.levels - 1)) - 1.0
        return with_context(self.network(x, condition, training=training), condition)

    def sample_and_log_prob(self, x, seed, condition=None, training=False):
        """See `Dequantizer`."""
        context = self._context(x, condition, training)
        noise = self.draw_noise(tf.shape(x), seed, tf.as_dtype(self.compute_dtype))
        noise = tf.ensure_shape(noise, (None, *self.image_shape))
        logits, log_det = self.bijector.forward_and_log_det(noise, context, training)
        v = tf.minimum(tf.sigmoid(logits), self.largest)
        return v, self.log_noise(noise) - log_det - _log_slope(logits)

    def log_prob(self, v, x, condition=None):
        """See `Dequantizer`; -inf outside of [0, 1)^D."""
        context = self._context(x, condition, False)
        v = tf.cast(v, context.dtype)
        outside = tf.reduce_any((v < 0) | (v >= 1), axis=(1, 2, 3))
        # The least positive number stands for 0, whose logit is infinite.
        v = tf.clip_by_value(v, context.dtype.as_numpy_dtype(1e-37), self.largest)
        logits = tf.math.log(v) - tf.math.log1p(-v)
        noise, log_det = self.bijector.inverse_and_log_det(logits, context)
        log_prob = self.log_noise(noise) + log_det - _log_slope(logits)
        return tf.where(outside, tf.constant(float("-inf"), log_prob.dtype), log_prob)


class VariationalDequantizer(FlowDequantizer):
    """`FlowDequantizer` whose bijector is a chain of checkerboard couplings.

    The couplings are turned round, so that draws take the direction in which their map is in closed
    form, whichever map it is.

    Args:
      num_couplings: at least 1; they move the two colours of the board in turn.
      make_map: factory of their elementwise map.
      make_conditioner: factory of their networks, called with `units=` and `dtype=`.
      make_context: see `FlowDequantizer`.
      features: see `FlowDequantizer`.
      noise: see `FlowDequantizer`.
      mask: "checkerboard", or "packed_checkerboard" or "packed_columns" for networks that work on
        half of the width.

    Raises:
      ValueError: for arguments out of range; in `build`, for images of one pixel.
    """

    def __init__(
        self,
        num_couplings=4,
        make_map=AffineMap,
        make_conditioner=SmallConditioner,
        make_context=ImageContext,
        features=32,
        noise="normal",
        mask="packed_checkerboard",
        *,
        dtype="float32",
    ):
        if num_couplings < 1:
            raise ValueError(
                f"VariationalDequantizer needs num_couplings >= 1, got {num_couplings}."
            )

        def coupling(flip):
            return ImageCoupling(make_map, mask, flip, make_conditioner, dtype=dtype)

        couplings = [partial(Invert, partial(coupling, i % 2 == 1)) for i in range(num_couplings)]
        super().__init__(partial(Chain, couplings), make_context, features, noise)


class AutoregressiveDequantizer(FlowDequantizer):
    """`FlowDequantizer` whose bijector is an inverse autoregressive flow over all values.

    Autoregressive dequantization, ARD (Hoogeboom, Cohen, Tomczak 2020): every v_i depends on the
    noise of all values before it. A draw takes one pass of the network.

    Args:
      make_map: factory of the elementwise map.
      make_network: factory of the masked network, called with `parameters=` and `dtype=`.
      make_context: see `FlowDequantizer`.
      features: see `FlowDequantizer`.
      noise: see `FlowDequantizer`.
      make_solver: factory of the `Solver` of the flow's inverse, which `log_prob` takes.
    """

    def __init__(
        self,
        make_map=AffineMap,
        make_network=MaskedImageNetwork,
        make_context=ImageContext,
        features=32,
        noise="normal",
        make_solver=FixedPoint,
        *,
        dtype="float32",
    ):
        make_bijector = partial(ImageIAF, make_map, make_network, make_solver, dtype=dtype)
        super().__init__(make_bijector, make_context, features, noise)
