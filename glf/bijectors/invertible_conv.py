"""Glow's invertible 1 x 1 convolution: one learned matrix mixes the channels of every pixel."""

import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all
from glf.bijectors.conditioning import LearnedMatrix
from glf.layers.invertible_matrix import PLUMatrix, QRMatrix

_PARAMETRIZATIONS = {"plu": PLUMatrix, "qr": QRMatrix}


class InvertibleConv1x1(ImageBijector, LearnedMatrix):
    """u_ij = W y_ij at every pixel, log|det du/dy| = h w log|det W|.

    Kingma, Dhariwal 2018, "Glow", section 3.2. W is held in factors: "plu", W = P L (U +
    diag(σ exp(s))), is Glow's (equation 10), "qr", W = Q (R + diag(exp(s))), is the one of
    Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for Generative Normalizing
    Flows", whose rotation Q is learned as a product of reflections. Both start as a random
    rotation or reflection, and log|det W| = Σ s costs nothing.

    The forward direction inverts the c x c matrix by triangular solves, once for all pixels.

    Args:
      parametrization: "plu" or "qr".

    Raises:
      ValueError: for another parametrization.
    """

    def __init__(self, parametrization="plu", *, dtype="float32", name=None):
        super().__init__(dtype=dtype, name=name)
        if parametrization not in _PARAMETRIZATIONS:
            raise ValueError(
                f'InvertibleConv1x1.parametrization is "plu" or "qr", got {parametrization!r}.'
            )
        self.parametrization = parametrization

    def build(self, input_shape, condition_shape=None):
        """Draws W."""
        super().build(input_shape, condition_shape)
        make = _PARAMETRIZATIONS[self.parametrization]
        self.weight = make(self.event_shape[-1], dtype=self.dtype)

    def _apply(self, matrix, point, sign):
        channels = self.event_shape[-1]
        pixels = tf.matmul(tf.reshape(point, (-1, channels)), matrix, transpose_b=True)
        positions = self.event_shape[0] * self.event_shape[1]
        log_det = same_for_all(sign * positions * self.weight.log_abs_det(), point)
        return tf.reshape(pixels, (-1, *self.event_shape)), log_det

    def forward_and_log_det(self, u, condition=None, training=False):
        """y_ij = W⁻¹ u_ij, and -h w log|det W|."""
        u, _ = self.check(u, condition)
        return self._apply(self.weight.inverse(), u, -1)

    def inverse_and_log_det(self, y, condition=None, training=False):
        """u_ij = W y_ij, and h w log|det W|."""
        y, _ = self.check(y, condition)
        return self._apply(self.weight.matrix(), y, 1)
