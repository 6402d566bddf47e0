"""Whitening: a fixed matrix, found from data, that takes the covariance of the data away."""

import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all
from glf.bijectors.conditioning import LearnedMatrix
from glf.layers.moments import batch_moments, num_replicas, set_once

# Newton's iteration more than doubles a small eigenvalue in every step: enough for any condition
# number that double precision can hold.
STEPS = 60


class Whitening(VectorBijector, LearnedMatrix):
    """u = W (y - m), W = (C + ε c I)^(-1/2), log|det du/dy| = log det W.

    m and C are mean and covariance of the data, c the mean of its variances: an approximate
    whitening by the symmetric root ("ZCA"), the preprocessing of CIFAR-10 in NICE (Dinh, Krueger,
    Bengio 2014, table 1), which keeps every component of u about its own component of y. Here it is
    a part of the flow, so that densities are those of y.

    The first call of the inverse with training=True sets m and W from its batch; before that the
    map is the identity. No optimizer changes them. A batch should hold more examples than y has
    dimensions: bind `train.init_examples`. Whether they are set is itself a weight, so that a
    restored flow is not set again.

    The root is found by Newton's iteration in double precision (Higham 2008, "Functions of
    Matrices", equation 6.35), and W is held in its factors L diag(exp(s)) Lᵀ, L lower triangular
    with ones on its diagonal, so that log det W = Σ s and the forward direction solves two
    triangular systems.

    Args:
      epsilon: ε, positive: what is added to the covariance, in parts of the mean variance.

    Raises:
      ValueError: for an epsilon that is not positive.
    """

    def __init__(self, epsilon=1e-3, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if not epsilon > 0:
            raise ValueError(f"Whitening needs epsilon > 0, got {epsilon}.")
        self.epsilon = epsilon

    def build(self, input_shape, condition_shape=None):
        """Makes m = 0 and W = I, to be set."""
        super().build(input_shape, condition_shape)
        size, fixed = self.size, {"initializer": "zeros", "trainable": False}
        self.mean = self.add_weight(name="mean", shape=(size,), **fixed)
        self.lower = self.add_weight(name="lower", shape=(size, size), **fixed)
        self.log_scale = self.add_weight(name="log_scale", shape=(size,), **fixed)
        self.initialized = self.add_weight(name="initialized", shape=(), **fixed)

    def _start(self, point):
        """The weights, and what whitens this batch."""
        point = tf.cast(point, tf.float64)
        mean, variance = batch_moments(point)
        around = point - mean
        covariance = tf.matmul(around, around, transpose_a=True)
        covariance /= tf.cast(tf.shape(point)[0], tf.float64)
        if num_replicas() > 1:
            covariance = tf.distribute.get_replica_context().all_reduce("mean", covariance)
        # Data that do not vary at all are left as they are.
        level = tf.reduce_mean(variance)
        level = tf.where(level > 0, self.epsilon * level, tf.ones_like(level))
        covariance += level * tf.eye(self.size, dtype=tf.float64)
        factor = tf.linalg.cholesky(_inverse_root(covariance))
        diagonal = tf.linalg.diag_part(factor)
        weights = (self.mean, self.lower, self.log_scale)
        values = (mean, factor / diagonal, 2.0 * tf.math.log(diagonal))
        return [(w, tf.cast(v, w.dtype)) for w, v in zip(weights, values, strict=True)]

    def _factor(self):
        lower = tf.convert_to_tensor(self.lower.value)
        strictly = tf.linalg.band_part(lower, -1, 0) - tf.linalg.band_part(lower, 0, 0)
        return strictly + tf.eye(self.size, dtype=lower.dtype)

    def _log_det(self, point):
        return same_for_all(tf.reduce_sum(tf.cast(self.log_scale.value, tf.float64)), point)

    def _forward(self, u, condition, training):
        """y = m + W⁻¹ u, and -log det W."""
        lower = self._factor()
        columns = tf.linalg.triangular_solve(lower, tf.transpose(u), lower=True)
        columns *= tf.exp(-tf.convert_to_tensor(self.log_scale.value))[:, None]
        columns = tf.linalg.triangular_solve(lower, columns, lower=True, adjoint=True)
        return self.mean.value + tf.transpose(columns), -self._log_det(u)

    def _inverse(self, y, condition, training):
        """u = W (y - m), and log det W."""
        if training:
            set_once(self.initialized, lambda: self._start(y))
        lower = self._factor()
        scaled = ((y - self.mean.value) @ lower) * tf.exp(self.log_scale.value)
        return tf.matmul(scaled, lower, transpose_b=True), self._log_det(y)


def _inverse_root(matrix):
    """A^(-1/2) of a symmetric, positive matrix."""
    eye = tf.eye(matrix.shape[0], dtype=matrix.dtype)
    # No eigenvalue is larger than the norm.
    norm = tf.norm(matrix)

    def improve(i, root, inverse, error):
        step = 0.5 * (3.0 * eye - inverse @ root)
        root, inverse = root @ step, step @ inverse
        return i + 1, root, inverse, tf.reduce_max(tf.abs(eye - step))

    _, _, inverse, _ = tf.while_loop(
        lambda i, root, inverse, error: (i < STEPS) & (error > 1e-12),
        improve,
        (tf.constant(0), matrix / norm, eye, tf.ones((), matrix.dtype)),
    )
    # Symmetric but for rounding.
    return 0.5 * (inverse + tf.transpose(inverse)) / tf.sqrt(norm)
