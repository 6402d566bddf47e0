"""Gaussian noise: its density, how levels are read from it, and the bounds that follow."""

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from glf.dequantizers import ELBO, GaussianNoise, ImportanceWeighted, UniformDequantizer

SHAPE, LEVELS, DEVIATION, DRAWS = (1, 2, 1), 3, 0.2, 2**12
IMAGES = np.stack(np.meshgrid(range(LEVELS), range(LEVELS)), -1).reshape(-1, *SHAPE)
# A density of noisy images in [0, 1] that knows nothing of levels.
DENSITY = scipy.stats.multivariate_normal([0.4, 0.6], [[0.08, 0.03], [0.03, 0.05]])


@pytest.fixture(scope="module")
def noise():
    layer = GaussianNoise(DEVIATION, dtype="float64")
    layer.build(SHAPE, LEVELS)
    return layer


def readings(t):
    """r(x | t) of one number t, in levels, for every level: as it is defined."""
    at_levels = scipy.stats.norm.pdf(t[:, None], np.arange(LEVELS) + 0.5, DEVIATION * LEVELS)
    return at_levels / at_levels.sum(1, keepdims=True)


def test_density_and_reading(noise):
    x = np.repeat(IMAGES, 200, 0)
    v, log_q = noise.sample_and_log_prob(x, 3)
    scale = DEVIATION * LEVELS
    expected = scipy.stats.norm.logpdf(v, 0.5, scale).sum((1, 2, 3))
    np.testing.assert_allclose(log_q, expected, atol=1e-9)
    np.testing.assert_allclose(noise.log_prob(v, x), expected, atol=1e-9)
    assert scipy.stats.kstest((np.ravel(v) - 0.5) / scale, "norm").pvalue > 0.01
    t = np.ravel(x + v)
    right = readings(t)[np.arange(len(t)), np.ravel(x)].reshape(-1, 2)
    np.testing.assert_allclose(noise.log_reading(v, x), np.log(right).sum(1), atol=1e-9)
    # Far from every level the nearest one is certain.
    assert float(noise.log_reading(np.full((1, *SHAPE), -1e3), IMAGES[:1])[0]) > -1e-9


def test_bounds_are_of_a_distribution_of_integers(noise):
    """Weights have the mean P(x) = ∫ p(y) r(x | y) dy, by a grid, and P sums to 1."""
    axis = np.linspace(-1.5, 2.5, 401)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    r = readings(axis * LEVELS)
    mass = DENSITY.pdf(grid) * (axis[1] - axis[0]) ** 2
    p = np.array([r[:, a] @ mass @ r[:, b] for a, b in IMAGES.reshape(-1, 2)])
    np.testing.assert_allclose(p.sum(), 1.0, atol=1e-6)
    x = np.repeat(IMAGES, DRAWS, 0)
    v, log_q = noise.sample_and_log_prob(x, 5)
    log_p = DENSITY.logpdf(((x + v) / LEVELS).numpy().reshape(-1, 2)) - 2 * np.log(LEVELS)
    log_weights = log_p + noise.log_reading(v, x) - log_q
    log_weights = log_weights.numpy().reshape(len(IMAGES), DRAWS).T
    weights = np.exp(log_weights) / p
    error = weights.std(0) / DRAWS**0.5
    assert np.all(abs(weights.mean(0) - 1) < 5 * error + 1e-3)
    assert np.all(error < 0.1)
    elbo = ELBO(DRAWS)(log_weights)
    assert np.all(elbo < np.log(p))
    assert 0.2 < np.sum(np.exp(elbo)) < 1
    by_eight = ImportanceWeighted(8)(log_weights.reshape(8, -1)).numpy().reshape(DRAWS // 8, -1)
    assert np.all(by_eight.mean(0) > elbo)


def test_modes(noise):
    x = tf.constant(IMAGES)

    def both(x):
        v, log_q = noise.sample_and_log_prob(x, 3)
        return v, log_q, noise.log_reading(v, x)

    for jit in (False, True):
        found = tf.function(both, autograph=False, jit_compile=jit)(x)
        for one, eager in zip(found, both(x), strict=True):
            np.testing.assert_allclose(one, eager, atol=1e-9)


def test_dequantizers_read_with_certainty():
    layer = UniformDequantizer()
    layer.build(SHAPE, LEVELS)
    v, _ = layer.sample_and_log_prob(IMAGES, 0)
    np.testing.assert_array_equal(layer.log_reading(v, IMAGES), np.zeros(len(IMAGES)))
    assert layer.deviation is None


def test_no_noise_is_refused():
    for wrong in (0.0, -0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="deviation > 0"):
            GaussianNoise(wrong)


def test_sums_of_levels_are_those_of_all(noise):
    """r(x | t) over all x is 1."""
    t = itertools.repeat(np.array([[[0.3], [2.9]]]), len(IMAGES))
    v = np.stack([point - x for point, x in zip(t, IMAGES, strict=True)])
    np.testing.assert_allclose(np.sum(np.exp(noise.log_reading(v, IMAGES))), 1.0, atol=1e-9)
