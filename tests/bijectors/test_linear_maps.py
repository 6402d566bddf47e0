"""What the linear bijectors claim besides being bijectors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from bijector_battery import randomise

from glf.bijectors import (
    AdditiveCoupling,
    DiagonalScaling,
    EvenOddPermutation,
    Householder,
    LULinear,
    RandomPermutation,
)


def built(bijector, size=5):
    bijector.build((None, size))
    return bijector


def matrix(bijector, size=5):
    """The matrix W of u = W y."""
    image, _ = bijector.inverse_and_log_det(tf.eye(size, dtype=bijector.compute_dtype))
    return np.transpose(image)


def test_householder_is_a_product_of_reflections():
    bijector = built(Householder(num_reflections=3, dtype="float64"))
    expected = np.eye(5)
    for v in np.transpose(bijector.vectors):
        expected = expected @ (np.eye(5) - 2 * np.outer(v, v) / (v @ v))
    np.testing.assert_allclose(matrix(bijector), expected, atol=1e-12)
    np.testing.assert_allclose(expected @ expected.T, np.eye(5), atol=1e-12)


def test_householder_has_d_reflections_by_default():
    assert built(Householder()).vectors.shape == (5, 5)
    assert np.isclose(np.linalg.det(matrix(built(Householder(dtype="float64")))), (-1) ** 5)


def test_lu_linear_starts_orthogonal():
    w = matrix(built(LULinear(dtype="float64")))
    np.testing.assert_allclose(w @ w.T, np.eye(5), atol=1e-9)


def test_lu_linear_keeps_its_permutation_and_signs():
    bijector = built(LULinear())
    assert {w.name for w in bijector.non_trainable_weights} == {"row", "sign"}
    assert set(np.abs(bijector.sign)) == {1}


def test_permutation_permutes_and_is_drawn_by_the_global_seed():
    bijectors = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        bijectors.append(built(RandomPermutation(), 20))
    first, same, other = (b.permutation.numpy() for b in bijectors)
    np.testing.assert_array_equal(np.sort(first), np.arange(20))
    np.testing.assert_array_equal(first, same)
    assert np.any(first != other)
    y = tf.random.stateless_normal((3, 20), (1, 2))
    u, _ = bijectors[0].inverse_and_log_det(y)
    np.testing.assert_array_equal(u, np.array(y)[:, first])


def test_diagonal_scaling_starts_as_the_identity():
    np.testing.assert_array_equal(matrix(built(DiagonalScaling())), np.eye(5))


def test_volume_preserving():
    rng = np.random.default_rng(0)
    y = tf.constant(rng.normal(size=(4, 5)), tf.float32)
    for bijector in (AdditiveCoupling(), Householder(), RandomPermutation()):
        built(bijector)
        randomise(bijector, rng)
        for method in (bijector.forward_and_log_det, bijector.inverse_and_log_det):
            np.testing.assert_array_equal(method(y)[1], np.zeros(4))


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_even_dimensions_come_first(size):
    bijector = built(EvenOddPermutation(), size)
    y = tf.reshape(tf.range(2.0 * size), (2, size))
    u, log_det = bijector.inverse_and_log_det(y)
    order = [*range(0, size, 2), *range(1, size, 2)]
    np.testing.assert_array_equal(u, y.numpy()[:, order])
    np.testing.assert_array_equal(bijector.forward_and_log_det(u)[0], y)
    np.testing.assert_array_equal(log_det, [0, 0])
