"""Matrices in factors: their inverse, and the gradient through it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.layers.invertible_matrix import FullMatrix, PLUMatrix, QRMatrix


@pytest.fixture(scope="module", params=[FullMatrix, PLUMatrix, QRMatrix])
def matrix(request):
    keras.utils.set_random_seed(3)
    matrix = request.param(5, dtype="float64")
    generator = np.random.default_rng(3)
    for weight in matrix.trainable_weights:
        weight.assign_add(0.3 * generator.normal(size=weight.shape))
    return matrix


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_the_inverse_and_its_gradient_are_those_of_the_whole_matrix(matrix, mode):
    factor = tf.constant(np.random.default_rng(4).normal(size=(5, 5)))
    weights = [weight.value for weight in matrix.trainable_weights]

    def by_factors():
        with tf.GradientTape() as tape:
            tape.watch(weights)
            inverse = matrix.inverse()
            loss = tf.reduce_sum(factor * inverse @ inverse)
        return inverse, tape.gradient(loss, weights)

    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected = tf.linalg.inv(matrix.matrix())
        loss = tf.reduce_sum(factor * expected @ expected)
    gradients = tape.gradient(loss, weights)

    ways = {
        "eager": by_factors,
        "graph": tf.function(by_factors, autograph=False),
        "xla": tf.function(by_factors, jit_compile=True, autograph=False),
    }
    inverse, found = ways[mode]()
    np.testing.assert_allclose(inverse, expected, rtol=1e-9, atol=1e-12)
    for value, wanted in zip(found, gradients, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-10)


def test_the_log_determinant(matrix):
    weights = [weight.value for weight in matrix.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(weights)
        found, expected = matrix.log_abs_det(), tf.linalg.slogdet(matrix.matrix())[1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for value, wanted in zip(
        tape.gradient(found, weights), tape.gradient(expected, weights), strict=True
    ):
        # Of factors, some do not reach the determinant at all, or only in the last digits.
        zeros = np.zeros((value if wanted is None else wanted).shape)
        value, wanted = (zeros if part is None else part for part in (value, wanted))
        np.testing.assert_allclose(value, wanted, atol=1e-10)


def test_a_full_matrix_starts_near_the_identity_and_may_be_singular():
    matrix = FullMatrix(6)
    distance = np.abs(matrix.matrix() - np.eye(6))
    assert 0 < distance.max() < 6e-3
    matrix.entries.assign(tf.ones((6, 6)))
    assert np.isfinite(matrix.log_abs_det())
    assert np.all(np.isfinite(matrix.inverse()))
