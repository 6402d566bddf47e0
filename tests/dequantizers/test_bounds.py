"""Bounds as functions of given log-weights: formulas, order, extremes, gradients."""

import itertools

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from glf.dequantizers import ELBO, Bound, ImportanceWeighted, Renyi
from glf.dequantizers.registry import BOUNDS

K = 6
WEIGHTS = 3.0 * np.random.default_rng(0).normal(size=(K, 4)) - 100.0
ALPHAS = (0.0, 0.3, 0.5, 0.999, 1.0, 1.001, 2.0, 5.0)


def test_all_are_here():
    made = {type(make(num_samples=2)) for make in BOUNDS.values()}
    assert made == set(Bound.__subclasses__())


def test_names():
    assert ELBO().name == "ELBO"
    assert ImportanceWeighted(16).name == "IW-16"
    assert Renyi(0.5, 8).name == "Renyi-0.5-8"
    assert Renyi(2, 4).name == "Renyi-2-4"
    assert ELBO().num_samples == 1
    assert ImportanceWeighted().num_samples == Renyi().num_samples == 8


def test_formulas():
    np.testing.assert_allclose(ELBO(K)(WEIGHTS), WEIGHTS.mean(0))
    expected = scipy.special.logsumexp(WEIGHTS, 0) - np.log(K)
    np.testing.assert_allclose(ImportanceWeighted(K)(WEIGHTS), expected)
    for alpha in (0.0, 0.3, 0.999, 1.001, 2.0, 5.0):
        p = 1 - alpha
        expected = (scipy.special.logsumexp(p * WEIGHTS, 0) - np.log(K)) / p
        np.testing.assert_allclose(Renyi(alpha, K)(WEIGHTS), expected, rtol=1e-11)


def test_orders():
    """From the importance-weighted bound at 0 down through the ELBO at 1, without a jump."""
    values = [Renyi(alpha, K)(WEIGHTS) for alpha in ALPHAS]
    np.testing.assert_allclose(values[0], ImportanceWeighted(K)(WEIGHTS), rtol=1e-13)
    np.testing.assert_allclose(values[4], ELBO(K)(WEIGHTS), rtol=1e-13)
    for above, below in itertools.pairwise(values):
        assert np.all(above > below)
    for near in (1 - 1e-9, 1 + 1e-9):
        np.testing.assert_allclose(Renyi(near, K)(WEIGHTS), ELBO(K)(WEIGHTS), rtol=1e-9)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_equal_weights_and_one_draw_are_left_as_they_are(name):
    equal = np.full((K, 3), -7.25, np.float32)
    np.testing.assert_array_equal(BOUNDS[name](num_samples=K)(equal), equal[0])
    np.testing.assert_allclose(BOUNDS[name](num_samples=1)(WEIGHTS[:1]), WEIGHTS[0])


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_extremes_and_gradients(alpha, jit):
    """Gradients are weights of the draws that sum to 1, for equal and for wildly spread ones."""
    columns = [np.zeros(K), np.linspace(-1e4, 1e4, K), np.linspace(-1e-4, 0, K) + 1e4]
    weights = tf.constant(np.stack(columns, 1), tf.float32)

    @tf.function(jit_compile=jit, autograph=False)
    def run(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = Renyi(alpha, K)(weights)
        return value, tape.gradient(value, weights)

    value, gradient = run(weights)
    assert value.dtype == tf.float32
    assert np.all(np.isfinite(value))
    expected = scipy.special.softmax((1 - alpha) * np.float64(weights), 0)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_user_errors():
    for make in BOUNDS.values():
        with pytest.raises(ValueError, match="num_samples >= 1"):
            make(num_samples=0)
        with pytest.raises(ValueError, match=r"shape \[3, batch\]"):
            make(num_samples=3)(np.zeros((2, 4)))
        with pytest.raises(ValueError, match=r"shape \[3, batch\]"):
            make(num_samples=3)(np.zeros(3))
    for alpha in (-0.1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="alpha >= 0"):
            Renyi(alpha)


def test_weights_of_zero():
    """log 0 counts as a weight of 0: no NaN, whatever the mean."""
    weights = np.array([[-np.inf, 1.0, -2.0], [-np.inf, -np.inf, 3.0]])
    found = ImportanceWeighted(2)(weights)
    np.testing.assert_allclose(found, [-np.inf, 1.0 - np.log(2), np.logaddexp(-2, 3) - np.log(2)])
    np.testing.assert_array_equal(Renyi(2.0, 2)(weights)[:2], [-np.inf, -np.inf])
    np.testing.assert_array_equal(ELBO(2)(weights)[:2], [-np.inf, -np.inf])
