"""Invertible maps of single numbers, with parameters that a network gives them.

An elementwise map has no weights. It is told its parameters with every call, one vector of raw
(unconstrained) numbers for each element, and gives back the image and the log-derivative of each
element. `apply` is its function f, `undo` is f⁻¹: these words say nothing of data and base, because
couplings apply f from data to base, autoregressive flows from base to data. `groups` says how the
vector of raw numbers is divided: (1, 1) is one for a log-scale and one for a shift. All-zero
parameters give the identity, or a map near it where a class says so.

A map may ask for numbers that all elements share. `shared` are their first values; whoever owns the
map learns them (`learn_shared`), and puts them behind the others of every element (`with_shared`).

Maps that are affine in x say so, by `glf.bijectors.guidance.affine`: they can be guided.
"""

import abc

import keras
import tensorflow as tf

from glf.bijectors.guidance import affine
from glf.core.arctangent import atan
from glf.core.traced_once import traced_once

# About 2 / π, so that this times an arctangent is within ±1.
OF_ATAN = 0.636
# Bound on the factor a of `TanhAffineMap`.
LARGEST_FACTOR = 8.0


class ElementwiseMap(abc.ABC):
    """A family of increasing functions f of one number.

    Shapes: x and y [..., m], raw [..., m, sum(groups) + len(shared)], log-derivatives [..., m].
    """

    given_by_code = ()

    groups: tuple[int, ...]
    shared: tuple[float, ...] = ()

    @abc.abstractmethod
    def apply(self, x, raw):
        """Returns y = f(x) and log f'(x)."""

    @abc.abstractmethod
    def undo(self, y, raw):
        """Returns x = f⁻¹(y) and -log f'(x)."""


def learn_shared(layer, elementwise):
    """A weight of `layer` for the numbers that all elements of its map share, or None."""
    if not elementwise.shared:
        return None
    start = keras.initializers.Constant(elementwise.shared)
    return layer.add_weight(name="shared", shape=(len(elementwise.shared),), initializer=start)


def with_shared(raw, shared):
    """raw [..., m, n], and behind every element's numbers the shared ones, if there are any."""
    if shared is None:
        return raw
    shape = tf.concat([tf.shape(raw)[:-1], shared.shape], 0)
    return tf.concat([raw, tf.broadcast_to(tf.cast(shared.value, raw.dtype), shape)], axis=-1)


@affine
class AdditiveMap(ElementwiseMap):
    """y = x + t (Dinh, Krueger, Bengio 2014, "NICE", section 3.2). log f' = 0."""

    groups = (1,)

    def apply(self, x, raw):
        """Returns x + t and zeros."""
        return x + tf.squeeze(raw, -1), tf.zeros_like(x)

    def undo(self, y, raw):
        """Returns y - t and zeros."""
        return y - tf.squeeze(raw, -1), tf.zeros_like(y)


@affine
class AffineMap(ElementwiseMap):
    """y = x exp(s) + t, with a soft bound on the log-scale: s = clamp · 0.636 · atan(raw).

    0.636 is about 2/π, so |s| < clamp. The bound keeps exp(s) in a range where neither the map
    nor its inverse can blow up. log f' = s.

    Args:
      clamp: bound on |s|, positive; 2 in Generative Latent Flow.
    """

    groups = (1, 1)

    def __init__(self, clamp=2.0):
        if not clamp > 0:
            raise ValueError(f"AffineMap needs clamp > 0, got {clamp}.")
        self.clamp = clamp

    def apply(self, x, raw):
        """Returns x exp(s) + t and s."""
        return _affine(x, raw, self.clamp * OF_ATAN)

    def undo(self, y, raw):
        """Returns (y - t) exp(-s) and -s."""
        return _affine_inverse(y, raw, self.clamp * OF_ATAN)


@traced_once
def _affine(x, raw, bound):
    raw_scale, shift = tf.unstack(raw, axis=-1)
    log_scale = bound * atan(raw_scale)
    return x * tf.exp(log_scale) + shift, log_scale


@traced_once
def _affine_inverse(y, raw, bound):
    raw_scale, shift = tf.unstack(raw, axis=-1)
    log_scale = -bound * atan(raw_scale)
    return (y - shift) * tf.exp(log_scale), log_scale


@affine
class TanhAffineMap(ElementwiseMap):
    """y = (x + t) exp(s), s = a tanh(raw), with a learned for all elements. log f' = s.

    RealNVP's affine map (Dinh, Sohl-Dickstein, Bengio 2016, section 4.1), in the order of its
    program, from data to base. a starts at 1, there for channel masks; for checkerboards it starts
    there at 0, where a last layer that starts at zero too would never learn.
    """

    groups = (1, 1)
    shared = (1.0,)

    def apply(self, x, raw):
        """Returns (x + t) exp(s) and s."""
        return _tanh_affine(x, raw)

    def undo(self, y, raw):
        """Returns y exp(-s) - t and -s."""
        return _tanh_affine_inverse(y, raw)


@traced_once
def _tanh_affine(x, raw):
    log_scale, shift = _tanh_scale_and_shift(raw)
    return (x + shift) * tf.exp(log_scale), log_scale


@traced_once
def _tanh_affine_inverse(y, raw):
    log_scale, shift = _tanh_scale_and_shift(raw)
    return y * tf.exp(-log_scale) - shift, -log_scale


def _tanh_scale_and_shift(raw):
    raw_scale, shift, factor = tf.unstack(raw, axis=-1)
    # No step of an optimizer makes exp(s) infinite.
    factor = tf.clip_by_value(factor, -LARGEST_FACTOR, LARGEST_FACTOR)
    return factor * tf.tanh(raw_scale), shift


@affine
class SigmoidAffineMap(ElementwiseMap):
    """y = (x + t) σ̃, σ̃ = ε + (1 - ε) sigmoid(raw + offset). log f' = log σ̃.

    Glow's affine map (Kingma, Dhariwal 2018), as its code writes it from data to base; there ε is
    0. With ε > 0 the inverse enlarges by less than 1/ε, however large a network's outputs are.
    All-zero parameters give a scaling by a little less than 1: 0.887 with the defaults.

    Args:
      offset: added to the raw scale, so that a flow starts near the identity.
      min_scale: ε, in (0, 1).

    Raises:
      ValueError: for another `min_scale`.
    """

    groups = (1, 1)

    def __init__(self, offset=2.0, min_scale=0.05):
        if not 0 < min_scale < 1:
            raise ValueError(f"SigmoidAffineMap needs min_scale in (0, 1), got {min_scale}.")
        self.offset = offset
        self.min_scale = min_scale

    def apply(self, x, raw):
        """Returns (x + t) σ̃ and log σ̃."""
        return _sigmoid_affine(x, raw, self.offset, self.min_scale)

    def undo(self, y, raw):
        """Returns y / σ̃ - t and -log σ̃."""
        return _sigmoid_affine_inverse(y, raw, self.offset, self.min_scale)


@traced_once
def _sigmoid_affine(x, raw, offset, min_scale):
    scale, shift = _scale_and_shift(raw, offset, min_scale)
    return (x + shift) * scale, tf.math.log(scale)


@traced_once
def _sigmoid_affine_inverse(y, raw, offset, min_scale):
    scale, shift = _scale_and_shift(raw, offset, min_scale)
    return y / scale - shift, -tf.math.log(scale)


def _scale_and_shift(raw, offset, min_scale):
    raw_scale, shift = tf.unstack(raw, axis=-1)
    return min_scale + (1.0 - min_scale) * tf.sigmoid(raw_scale + offset), shift
