"""Glow's invertible 1 x 1 convolution: one learned matrix mixes the channels of every pixel."""

import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all
from glf.bijectors.conditioning import LearnedMatrix
from glf.bijectors.masks import MASKS
from glf.layers.invertible_matrix import FullMatrix, GroupMatrix, PLUMatrix, QRMatrix
from glf.layers.track import track

_PARAMETRIZATIONS = {"plu": PLUMatrix, "qr": QRMatrix, "full": FullMatrix, "p4": GroupMatrix}


class InvertibleConv1x1(ImageBijector, LearnedMatrix):
    """u_ij = W y_ij at every pixel, log|det du/dy| = h w log|det W|.

    Kingma, Dhariwal 2018, "Glow", section 3.2. W is held in factors: "plu", W = P L (U +
    diag(σ exp(s))), is Glow's (equation 10), "qr", W = Q (R + diag(exp(s))), is the one of
    Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for Generative Normalizing
    Flows", whose rotation Q is learned as a product of reflections. Both start as a random
    rotation or reflection, and log|det W| = Σ s costs nothing. "full" is W itself, near the
    identity at the start, as in the program of Flow++; its determinant costs an elimination. "p4"
    is W in blocks w_{g⁻¹ h} for features of the group p4, which a rotation permutes as before once
    they are mixed, see `glf.layers.invertible_matrix.GroupMatrix`.

    With a mask each of its two parts has a matrix of its own, of the size of its channels, and
    log|det du/dy| = Σ over both of the number of its positions times log|det W|. A coupling of the
    same mask then never sees channels or positions mixed across its halves (Flow++'s program).

    The forward direction inverts the c x c matrix, once for all pixels.

    Args:
      parametrization: "plu", "qr", "full" or "p4".
      mask: None, or one of `glf.bijectors.masks`: "channel", "checkerboard", ...

    Raises:
      ValueError: for another parametrization or mask; in `build`, for an image whose one part
        would be empty.
    """

    def __init__(self, parametrization="plu", mask=None, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if parametrization not in _PARAMETRIZATIONS:
            raise ValueError(
                'InvertibleConv1x1.parametrization is "plu", "qr", "full" or "p4", got '
                f"{parametrization!r}."
            )
        if mask is not None and mask not in MASKS:
            raise ValueError(
                f"InvertibleConv1x1.mask is None or one of {sorted(MASKS)}, got {mask!r}."
            )
        self.parametrization = parametrization
        self.mask_name = mask

    def build(self, input_shape, condition_shape=None):
        """Draws W, or one for each part."""
        super().build(input_shape, condition_shape)
        make = _PARAMETRIZATIONS[self.parametrization]
        height, width, channels = self.event_shape
        if self.mask_name is None:
            self.weight = make(channels, dtype=self.dtype)
            self.matrices, self.positions = [self.weight], [height * width]
            return
        self.mask = MASKS[self.mask_name](self.event_shape, False)
        moved = self.mask.moved_channels
        fixed = channels - moved if self.mask_name in ("channel", "p4") else channels
        matrices = [make(size, dtype=self.dtype) for size in (fixed, moved)]
        self.matrices, self.positions = track(self, "part", matrices), self.mask.positions

    def _apply(self, point, inverse):
        parts = [point] if self.mask_name is None else self.mask.split(point)
        parts = [
            _mixed(part, weight.inverse() if inverse else weight.matrix())
            for part, weight in zip(parts, self.matrices, strict=True)
        ]
        log_dets = [
            positions * weight.log_abs_det()
            for positions, weight in zip(self.positions, self.matrices, strict=True)
        ]
        result = parts[0] if self.mask_name is None else self.mask.join(*parts)
        total = sum(log_dets[1:], log_dets[0])
        return result, same_for_all(-total if inverse else total, point)

    def _forward(self, u, condition, training):
        """y_ij = W⁻¹ u_ij, and -h w log|det W|."""
        return self._apply(u, inverse=True)

    def _inverse(self, y, condition, training):
        """u_ij = W y_ij, and h w log|det W|."""
        return self._apply(y, inverse=False)


def _mixed(part, matrix):
    """Every pixel of an image times the matrix."""
    pixels = tf.matmul(tf.reshape(part, (-1, matrix.shape[0])), matrix, transpose_b=True)
    return tf.reshape(pixels, (-1, *part.shape[1:]))
