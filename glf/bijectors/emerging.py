"""Emerging convolutions: a k x k convolution made of two autoregressive ones."""

from glf.bijectors.base import ImageBijector, same_for_all
from glf.bijectors.conditioning import LearnedMatrix
from glf.layers.masked_conv import AutoregressiveConv


class EmergingConv(ImageBijector, LearnedMatrix):
    """u = B (A y) with zero-padded convolutions A, B of opposite orders.

      log|det du/dy| = h w Σ_c (log A_c + log B_c)

    Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for Generative Normalizing
    Flows". A sees a square of places above and to the left, B one below and to the right, each of
    ⌊k / 2⌋ + 1 places a side: one after the other they are a convolution of exactly k x k places,
    the paper's figure 1. Both matrices are triangular, with the positive factors A_c and B_c of the
    own value on their diagonals: exponentials of what is learned, bounded as `AutoregressiveConv`
    says. In every pixel they mix the channels by triangular matrices. The paper puts an
    invertible 1 x 1 convolution before them: that is an `InvertibleConv1x1` of its own in the
    chain. The map starts near the identity.

    The density takes two convolutions. Sampling solves two triangular systems, in a loop of h
    steps each, exactly up to rounding. Nothing keeps the weights from a map that is badly
    conditioned, which carries rounding errors from pixel to pixel until samples are wrong:
    `round_trip_error` measures it, and training and evaluation show it.

    Args:
      kernel_size: k, odd.

    Raises:
      ValueError: for an even kernel.
    """

    def __init__(self, kernel_size=3, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"EmergingConv needs an odd kernel_size, got {kernel_size}.")
        self.kernel_size = kernel_size

    def build(self, input_shape, condition_shape=None):
        """Makes the two convolutions."""
        super().build(input_shape, condition_shape)
        sizes = (self.event_shape[-1], self.kernel_size)
        self.first = AutoregressiveConv(*sizes, dtype=self.dtype)
        self.second = AutoregressiveConv(*sizes, reverse=True, dtype=self.dtype)

    def _log_det(self, point):
        positions = self.event_shape[0] * self.event_shape[1]
        per_pixel = self.first.log_abs_det() + self.second.log_abs_det()
        return same_for_all(positions * per_pixel, point)

    def _forward(self, u, condition, training):
        """y = A⁻¹ (B⁻¹ u)."""
        return self.first.solve(self.second.solve(u)), -self._log_det(u)

    def _inverse(self, y, condition, training):
        """u = B (A y)."""
        return self.second.convolve(self.first.convolve(y)), self._log_det(y)
