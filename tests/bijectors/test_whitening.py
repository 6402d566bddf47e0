"""What whitening does to data besides being a bijector."""

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.whitening import Whitening

SIZE = 6


def data(num=500, seed=0):
    """Points whose variances differ by four orders of magnitude, and are correlated."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(SIZE, SIZE)) * 10.0 ** np.linspace(-2, 0, SIZE)
    return rng.normal(size=(num, SIZE)) @ mixing.T + 3.0


def trained(y, epsilon=1e-3, dtype="float64", **options):
    bijector = Whitening(epsilon, dtype=dtype)
    bijector.build((None, SIZE))
    run = tf.function(lambda y: bijector(y, training=True), autograph=False, **options)
    return bijector, run(tf.constant(y, dtype))


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}], ids=["graph", "xla"])
def test_it_is_the_symmetric_inverse_root_of_the_covariance(options):
    y = data()
    bijector, (u, log_det) = trained(y, **options)
    covariance = np.cov(y.T, bias=True)
    covariance += 1e-3 * covariance.diagonal().mean() * np.eye(SIZE)
    values, vectors = np.linalg.eigh(covariance)
    matrix = (vectors / np.sqrt(values)) @ vectors.T
    np.testing.assert_allclose(u, (y - y.mean(0)) @ matrix, atol=1e-9)
    np.testing.assert_allclose(log_det, np.full(len(y), -0.5 * np.log(values).sum()), atol=1e-9)
    np.testing.assert_allclose(bijector.forward_and_log_det(u)[0], y, atol=1e-9)


def test_with_little_epsilon_nothing_of_the_covariance_is_left():
    _, (u, _) = trained(data(), epsilon=1e-9)
    np.testing.assert_allclose(np.cov(u.numpy().T, bias=True), np.eye(SIZE), atol=1e-3)
    np.testing.assert_allclose(u.numpy().mean(0), np.zeros(SIZE), atol=1e-9)


def test_it_is_set_once_and_only_in_training():
    bijector = Whitening()
    bijector.build((None, SIZE))
    y = tf.constant(data(), tf.float32)
    np.testing.assert_allclose(bijector(y)[0], y, rtol=1e-6)
    first, _ = bijector(y, training=True)
    before = [weight.numpy() for weight in bijector.weights]
    bijector(2.0 * y, training=True)
    for weight, value in zip(bijector.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    np.testing.assert_array_equal(bijector(y)[0], first)
    assert not bijector.trainable_weights
    assert bijector.round_trip_error() < 1e-3


def test_constant_data_stay_finite():
    _, (u, log_det) = trained(np.full((4, SIZE), 0.5))
    np.testing.assert_allclose(u, np.zeros((4, SIZE)), atol=1e-12)
    np.testing.assert_allclose(log_det, np.zeros(4), atol=1e-9)


def test_user_errors():
    with pytest.raises(ValueError, match="epsilon > 0"):
        Whitening(0.0)
