"""Guidance: the affine maps of a flow, moved away from what they would be without a condition."""

import contextlib
import contextvars
import functools

import tensorflow as tf

from glf.bijectors.base import Bijector
from glf.bijectors.free_parameters import FreeParameters

_weight = contextvars.ContextVar("guidance", default=None)


def guided_forward(bijector, u, condition, without, weight):
    """y = forward(u), each affine map guided from `without` a condition to `condition`.

    A map x = mu + sigma u of a layer is seen as N(mu, sigma^2). With (mu_c, sigma_c) of the
    condition and (mu_0, sigma_0) without one, both given what the layer has made so far, it becomes
    the normal distribution with a density proportional to p_c^(1 + w) p_0^(-w):

      sigma^2 = sigma_c^2 / k     mu = mu_c + w r / k (mu_c - mu_0)
      k = 1 + w - w r             r = min(sigma_c^2 / sigma_0^2, 1)

    r is limited because the product is no density where sigma_c is much larger than sigma_0, as in
    STARFlow (Gu et al. 2025, arXiv 2506.06276). At w = 0 it is the flow of the condition. Of a
    single layer these are the products of its conditional densities, one value or one half at a
    time; of several layers it is a definition layer by layer.

    Args:
      bijector: a built `Bijector` with a condition, see `check_guidable`.
      u: base noise, [n, ...event].
      condition: [n, ...], and `without`, what stands for no condition, of the same shape.
      weight: w, a scalar tensor of at least 0.

    Raises:
      ValueError: see `check_guidable`.
    """
    check_guidable(bijector)
    num = tf.shape(u)[0]
    # Both conditions are rows of one batch, which the maps give the same values.
    with _guiding(weight):
        y = bijector.forward(tf.concat([u, u], 0), tf.concat([condition, without], 0))
    return y[:num]


def check_guidable(bijector):
    """Refuses bijectors that depend on their condition by other than affine maps.

    Raises:
      ValueError: that names the part.
    """
    for layer in bijector._flatten_layers():
        found = None
        if isinstance(layer, Bijector) and hasattr(layer, "elementwise"):
            if not getattr(layer.elementwise, "is_affine", False):
                found = f"a {type(layer).__name__} with a {type(layer.elementwise).__name__}"
        elif isinstance(layer, FreeParameters) and layer.network is not None:
            found = "a Planar or a Radial"
        if found:
            raise ValueError(
                "Guidance is defined for flows whose conditional layers are affine, such as "
                f"couplings and autoregressive flows with an AffineMap; this one has {found}."
            )


def affine(kind):
    """Marks an elementwise map x exp(s) + t as affine, and lets its methods be guided.

    Both functions of such a map are affine in their first argument, so that what they give at 0
    are the shift and the log-scale.
    """
    kind.is_affine = True
    kind.apply, kind.undo = _guidable(kind.apply), _guidable(kind.undo)
    return kind


def _guidable(function):
    @functools.wraps(function)
    def of_map(self, x, raw):
        weight = _weight.get()
        if weight is None:
            return function(self, x, raw)
        shift, log_scale = _guided(*function(self, tf.zeros_like(x), raw), weight)
        # Both halves go on with the same values: they may differ in last bits.
        x = _twice(tf.split(x, 2)[0])
        return x * tf.exp(log_scale) + shift, log_scale

    return of_map


def _guided(shift, log_scale, weight):
    """The guided shift and log-scale, those of the two halves of the rows the same."""
    weight = tf.cast(weight, shift.dtype)
    (mine, others), (mine_log, others_log) = tf.split(shift, 2), tf.split(log_scale, 2)
    ratio = tf.exp(tf.minimum(2.0 * (mine_log - others_log), 0.0))
    factor = 1.0 + weight - weight * ratio
    shift = mine + weight * ratio / factor * (mine - others)
    return _twice(shift), _twice(mine_log - 0.5 * tf.math.log(factor))


def _twice(half):
    return tf.concat([half, half], 0)


@contextlib.contextmanager
def _guiding(weight):
    token = _weight.set(weight)
    try:
        yield
    finally:
        _weight.reset(token)
