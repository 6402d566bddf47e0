"""A learned orthogonal map: a product of reflections."""

import keras
import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all


class Householder(VectorBijector):
    """u = H_1 H_2 ... H_K y with reflections H = I - 2 v vᵀ / |v|²; log|det| = 0.

    With K = d every orthogonal map of determinant (-1)^d can be reached (Tomczak, Welling 2016,
    "Improving Variational Auto-Encoders using Householder Flow"). The K reflections are applied
    at once through their compact form (Joffrain et al. 2006): with V = (v_1 ... v_K) normalised,

      H_1 H_2 ... H_K = I - V S⁻¹ Vᵀ,   S = I/2 + the strictly upper triangle of VᵀV

    Args:
      num_reflections: K, at least 1; d by default.

    Raises:
      ValueError: for fewer than one reflection.
    """

    def __init__(self, num_reflections=None, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if num_reflections is not None and num_reflections < 1:
            raise ValueError(f"Householder needs num_reflections >= 1, got {num_reflections}.")
        self.num_reflections = num_reflections

    def build(self, input_shape, condition_shape=None):
        """Draws the vectors from N(0, 1)."""
        super().build(input_shape, condition_shape)
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.size, self.num_reflections or self.size),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def _apply(self, point, condition, transpose):
        vectors = self.vectors.value / tf.norm(self.vectors.value, axis=0, keepdims=True)
        products = tf.matmul(vectors, vectors, transpose_a=True)
        half = tf.fill(tf.shape(products)[:1], tf.cast(0.5, point.dtype))
        triangle = tf.linalg.set_diag(tf.linalg.band_part(products, 0, -1), half)
        along = tf.matmul(vectors, point, transpose_a=True, transpose_b=True)
        along = tf.linalg.triangular_solve(triangle, along, lower=False, adjoint=transpose)
        moved = point - tf.transpose(tf.matmul(vectors, along))
        return moved, same_for_all(0.0, point)

    def _forward(self, u, condition, training):
        """The reflections in the opposite order, and 0."""
        return self._apply(u, condition, transpose=True)

    def _inverse(self, y, condition, training):
        """u = H_1 ... H_K y, and 0."""
        return self._apply(y, condition, transpose=False)
