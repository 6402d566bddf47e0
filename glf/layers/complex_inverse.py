"""Inverses and determinants of small matrices, complex or real, many at once, also under XLA."""

import numpy as np
import tensorflow as tf


def log_abs_det_and_inverse(matrices, precision="float64"):
    """log|det M| [n], and M⁻¹ [n, c, c], of complex matrices M [n, c, c].

    By Gauss-Jordan elimination in place with partial pivoting, in one loop of c steps: TensorFlow
    compiles neither inverses of complex matrices nor any determinant with XLA. A pivot that
    cannot be told from zero, below the rounding of `precision` relative to M's largest entry, is
    replaced by that bound: both results are those of a matrix within rounding of M, and stay
    finite.

    The gradient of the log-determinant is M⁻ᴴ. The inverse is for solvers (`solve_linear`): no
    gradient flows through it.

    Args:
      matrices: M, complex or real.
      precision: the real type in which the results will be used.
    """

    @tf.custom_gradient
    def differentiable(matrices):
        log_det, inverse = _eliminate(matrices, np.finfo(precision))

        def gradients(of_log_det, _):
            scale = tf.cast(of_log_det, matrices.dtype)[:, None, None]
            return scale * tf.linalg.adjoint(inverse)

        return (log_det, inverse), gradients

    return differentiable(matrices)


def _eliminate(matrices, limits):
    size = matrices.shape[-1]
    kind = matrices.dtype.real_dtype
    floor = limits.eps * tf.reduce_max(tf.abs(matrices), axis=(1, 2)) + limits.tiny**0.5

    def step(j, work, free, chosen, log_det):
        # The row r whose pivot is largest trades places with column j: with y = M x, row r says
        # from now on what x_j is, and column j is what y_r adds to the others.
        column = tf.gather(work, j, axis=2)
        sizes = tf.where(free, tf.abs(column), -tf.ones_like(free, kind))
        own = tf.one_hot(tf.argmax(sizes, axis=1), size, True, False)
        row = tf.reduce_sum(tf.where(own[..., None], work, tf.zeros_like(work)), axis=1)
        pivot = tf.gather(row, j, axis=1)
        tiny = tf.abs(pivot) < floor
        pivot = tf.where(tiny, tf.cast(floor, pivot.dtype), pivot)
        here = tf.one_hot(j, size, True, False)
        row = tf.where(here, tf.ones_like(row), row) / pivot[:, None]
        work = tf.where(here, tf.zeros_like(work), work) - column[..., None] * row[:, None]
        work = tf.where(own[..., None], row[:, None], work)
        chosen = tf.logical_or(chosen, tf.logical_and(here[:, None], own[:, None]))
        log_det += tf.math.log(tf.abs(pivot))
        return j + 1, work, tf.logical_and(free, tf.logical_not(own)), chosen, log_det

    number = tf.shape(matrices)[0]
    start = (
        tf.constant(0),
        matrices,
        tf.fill((number, size), True),
        tf.fill((number, size, size), False),
        tf.zeros_like(floor),
    )
    _, work, _, chosen, log_det = tf.while_loop(lambda j, *_: j < size, step, start)
    order = tf.cast(chosen, matrices.dtype)
    return log_det, order @ work @ order
