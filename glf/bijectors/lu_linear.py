"""A learned linear map, factored so that its determinant is a product."""

import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all
from glf.bijectors.conditioning import LearnedMatrix
from glf.layers.invertible_matrix import plu_factors, plu_weights


class LULinear(VectorBijector, LearnedMatrix):
    """u = W y with W = P L (U + diag(σ exp(s))), log|det du/dy| = Σ s.

    P is a fixed permutation, L is lower triangular with ones on its diagonal, U strictly upper
    triangular, σ fixed signs (Kingma, Dhariwal 2018, "Glow", equation 10, here on vectors). W
    starts as a random rotation or reflection. L, U and s are learned; P and σ are saved with
    them. The forward direction solves two triangular systems.
    """

    def build(self, input_shape, condition_shape=None):
        """Draws an orthogonal matrix with a Keras initializer and factors it."""
        super().build(input_shape, condition_shape)
        weights = plu_weights(self, self.size)
        self.row, self.lower, self.upper, self.sign, self.log_scale = weights

    def _factors(self):
        weights = (self.row, self.lower, self.upper, self.sign, self.log_scale)
        return plu_factors(*(weight.value for weight in weights))

    def _forward(self, u, condition, training):
        """y = W⁻¹ u, and -Σ s."""
        permutation, lower, upper = self._factors()
        columns = tf.linalg.matmul(permutation, u, transpose_a=True, transpose_b=True)
        columns = tf.linalg.triangular_solve(lower, columns, lower=True)
        columns = tf.linalg.triangular_solve(upper, columns, lower=False)
        log_det = same_for_all(-tf.reduce_sum(self.log_scale.value), u)
        return tf.transpose(columns), log_det

    def _inverse(self, y, condition, training):
        """u = W y, and Σ s."""
        permutation, lower, upper = self._factors()
        matrix = permutation @ lower @ upper
        log_det = same_for_all(tf.reduce_sum(self.log_scale.value), y)
        return tf.linalg.matmul(y, matrix, transpose_b=True), log_det
