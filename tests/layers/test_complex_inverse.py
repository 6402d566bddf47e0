"""Inverses and determinants of complex matrices against NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from glf.layers.complex_inverse import log_abs_det_and_inverse


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(7, 5, 5)) + 1j * rng.normal(size=(7, 5, 5))
    # Without pivoting these fail: zeros on the diagonal, and one tiny number.
    matrices[0] = np.roll(np.eye(5), 2, axis=0)
    matrices[1, 0, 0] = 1e-17
    return matrices


@pytest.mark.parametrize("jit_compile", [False, True])
def test_equals_numpy(matrices, jit_compile):
    function = tf.function(log_abs_det_and_inverse, jit_compile=jit_compile, autograph=False)
    log_det, inverse = function(tf.constant(matrices))
    np.testing.assert_allclose(log_det, np.linalg.slogdet(matrices)[1], atol=1e-12)
    np.testing.assert_allclose(inverse, np.linalg.inv(matrices), atol=1e-11)


def test_gradient_of_the_log_determinant(matrices):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=7)
    direction = rng.normal(size=(2, *matrices.shape))
    t = tf.constant([0.0, 0.0], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(t)
        moved = tf.complex(matrices.real + t[0] * direction[0], matrices.imag + t[1] * direction[1])
        loss = tf.reduce_sum(weights * log_abs_det_and_inverse(moved)[0])
    gradient = tape.gradient(loss, t)
    for part, unit in enumerate((1.0, 1j)):
        ends = [
            weights @ np.linalg.slogdet(matrices + step * unit * direction[part])[1]
            for step in (1e-6, -1e-6)
        ]
        np.testing.assert_allclose(gradient[part], (ends[0] - ends[1]) / 2e-6, rtol=1e-6)


def test_singular_matrices_give_finite_results():
    rank_one = np.ones((1, 4, 4), complex)
    log_det, inverse = log_abs_det_and_inverse(
        tf.constant(np.concatenate([rank_one, 0 * rank_one]))
    )
    assert np.all(np.isfinite(log_det))
    assert np.all(np.isfinite(np.abs(inverse)))
    assert np.all(log_det < -50)
