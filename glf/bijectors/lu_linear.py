"""A learned linear map, factored so that its determinant is a product."""

import keras
import scipy.linalg
import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all


class LULinear(VectorBijector):
    """u = W y with W = P L (U + diag(σ exp(s))), log|det du/dy| = Σ s.

    P is a fixed permutation, L is lower triangular with ones on its diagonal, U strictly upper
    triangular, σ fixed signs (Kingma, Dhariwal 2018, "Glow", equation 10, here on vectors). W
    starts as a random rotation or reflection. L, U and s are learned; P and σ are saved with
    them. The forward direction solves two triangular systems.
    """

    def build(self, input_shape, condition_shape=None):
        """Draws an orthogonal matrix with a Keras initializer and factors it."""
        super().build(input_shape, condition_shape)
        d = self.size
        with tf.init_scope():
            start = keras.initializers.Orthogonal()((d, d), self.compute_dtype).numpy()
        permutation, lower, upper = scipy.linalg.lu(start, p_indices=True)
        diagonal = upper.diagonal()
        self.row = self._weight("row", permutation, trainable=False, dtype="int64")
        self.lower = self._weight("lower", lower)
        self.upper = self._weight("upper", upper)
        self.sign = self._weight("sign", tf.sign(diagonal), trainable=False, dtype="int64")
        self.log_scale = self._weight("log_scale", tf.math.log(tf.abs(diagonal)))

    def _weight(self, name, value, **kwargs):
        return self.add_weight(
            name=name,
            shape=value.shape,
            initializer=lambda shape, dtype: tf.cast(value, dtype),
            **kwargs,
        )

    def _factors(self):
        eye = tf.eye(self.size, dtype=self.compute_dtype)
        lower = tf.linalg.band_part(self.lower.value, -1, 0)
        upper = tf.linalg.band_part(self.upper.value, 0, -1)
        sign = tf.cast(self.sign.value, self.compute_dtype)
        lower = tf.linalg.set_diag(lower, tf.linalg.diag_part(eye))
        upper = tf.linalg.set_diag(upper, sign * tf.exp(self.log_scale.value))
        # Row i of P L is row `row[i]` of L.
        return tf.gather(eye, self.row.value), lower, upper

    def forward_and_log_det(self, u, condition=None, training=False):
        """y = W⁻¹ u, and -Σ s."""
        u, _ = self.check(u, condition)
        permutation, lower, upper = self._factors()
        columns = tf.linalg.matmul(permutation, u, transpose_a=True, transpose_b=True)
        columns = tf.linalg.triangular_solve(lower, columns, lower=True)
        columns = tf.linalg.triangular_solve(upper, columns, lower=False)
        log_det = same_for_all(-tf.reduce_sum(self.log_scale.value), u)
        return tf.transpose(columns), log_det

    def inverse_and_log_det(self, y, condition=None, training=False):
        """u = W y, and Σ s."""
        y, _ = self.check(y, condition)
        permutation, lower, upper = self._factors()
        matrix = permutation @ lower @ upper
        log_det = same_for_all(tf.reduce_sum(self.log_scale.value), y)
        return tf.linalg.matmul(y, matrix, transpose_b=True), log_det
