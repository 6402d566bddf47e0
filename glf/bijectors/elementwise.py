"""Invertible maps of single numbers, with parameters that a network gives them.

An elementwise map has no weights. It is told its parameters with every call, one vector of raw
(unconstrained) numbers for each element, and gives back the image and the log-derivative of each
element. `groups` says how that vector is divided: (1, 1) is one number for a log-scale and one
for a shift. All-zero parameters give the identity.
"""

import abc

import tensorflow as tf


class ElementwiseMap(abc.ABC):
    """A family of increasing functions f of one number.

    Shapes: x and y [..., m], raw [..., m, sum(groups)], log-derivatives [..., m].
    """

    groups: tuple[int, ...]

    @abc.abstractmethod
    def forward(self, x, raw):
        """Returns y = f(x) and log f'(x)."""

    @abc.abstractmethod
    def inverse(self, y, raw):
        """Returns x = f⁻¹(y) and -log f'(x)."""


class AdditiveMap(ElementwiseMap):
    """y = x + t (Dinh, Krueger, Bengio 2014, "NICE", section 3.2). log f' = 0."""

    groups = (1,)

    def forward(self, x, raw):
        """Returns x + t and zeros."""
        return x + raw[..., 0], tf.zeros_like(x)

    def inverse(self, y, raw):
        """Returns y - t and zeros."""
        return y - raw[..., 0], tf.zeros_like(y)


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

    def _parameters(self, raw):
        return self.clamp * 0.636 * tf.atan(raw[..., 0]), raw[..., 1]

    def forward(self, x, raw):
        """Returns x exp(s) + t and s."""
        log_scale, shift = self._parameters(raw)
        return x * tf.exp(log_scale) + shift, log_scale

    def inverse(self, y, raw):
        """Returns (y - t) exp(-s) and -s."""
        log_scale, shift = self._parameters(raw)
        return (y - shift) * tf.exp(-log_scale), -log_scale
