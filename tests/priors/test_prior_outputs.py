"""Families of densities of single numbers: formulas, samples, extremes."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from glf.priors.outputs import GaussianOutput, LogisticMixtureOutput, RealOutput, bounded

FAMILIES = {"gaussian": GaussianOutput(), "mixture": LogisticMixtureOutput(3)}
OFFSETS = np.array([-2 / 3, 0, 2 / 3])


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def raw_of(family, num=1, scale=1.0):
    return tf.constant(scale * np.random.default_rng(0).normal(size=(num, family.size)))


def test_all_are_here():
    assert {type(family) for family in FAMILIES.values()} == set(RealOutput.__subclasses__())


def formula(family, z, raw):
    if isinstance(family, GaussianOutput):
        return scipy.stats.norm.logpdf(z, raw[:, 0], np.exp(7 * np.tanh(raw[:, 1] / 7)))
    logits, means, scales = np.split(raw, 3, axis=1)
    scales = np.exp(7 * np.tanh(scales / 7))
    parts = scipy.stats.logistic.logpdf(z[:, None], means + OFFSETS, scales)
    return scipy.special.logsumexp(parts + scipy.special.log_softmax(logits, 1), axis=1)


def test_log_prob(family):
    raw = raw_of(family, 40)
    z = np.random.default_rng(1).normal(scale=3, size=40)
    np.testing.assert_allclose(family.log_prob(z, raw), formula(family, z, raw.numpy()), rtol=1e-9)


def test_draws_follow_the_density(family):
    raw = raw_of(family)
    noise = family.noise([20000], 3, tf.float64)
    assert noise.shape == (20000, family.noise_size)
    drawn = family.decide(raw, noise, 1.0).numpy()
    grid = np.linspace(-40, 40, 8001)
    cdf = np.cumsum(np.exp(family.log_prob(grid, raw))) * (grid[1] - grid[0])
    assert scipy.stats.kstest(drawn, lambda x: np.interp(x, grid, cdf)).statistic < 0.015


def test_temperatures(family):
    raw, noise = raw_of(family, 50), family.noise([50], 3, tf.float64)
    still = family.decide(raw, noise, 0.0)
    if isinstance(family, GaussianOutput):
        expected = raw[:, 0]
        np.testing.assert_allclose(
            family.decide(raw, noise, 2.0) - still, 2 * (family.decide(raw, noise, 1.0) - still)
        )
    else:
        means = raw[:, 3:6].numpy() + OFFSETS
        expected = means[np.arange(50), np.argmax(raw[:, :3], 1)]
    np.testing.assert_allclose(still, expected, atol=1e-12)


def test_starts_as_standard():
    z = np.linspace(-60, 60, 12001)
    found = FAMILIES["gaussian"].log_prob(z, np.zeros((1, 2)))
    np.testing.assert_allclose(found, scipy.stats.norm.logpdf(z), rtol=1e-9)
    standard = scipy.stats.logistic.logpdf(z)
    one = LogisticMixtureOutput(1).log_prob(z, np.zeros((1, 3)))
    np.testing.assert_allclose(one, standard, rtol=1e-9)
    for components in (2, 3, 8, 32):
        family = LogisticMixtureOutput(components)
        found = family.log_prob(z, np.zeros((1, family.size)))
        divergence = np.sum(np.exp(found) * (found - standard)) * (z[1] - z[0])
        assert 0 < divergence < 0.01


def test_far_out_everything_is_finite(family):
    for scale in (1e3, 1e6):
        raw = tf.cast(raw_of(family, 20, scale), tf.float32)
        z = tf.constant(np.resize([1e6, -1e6, 0.0, 300.0], 20), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch([raw, z])
            log_prob = family.log_prob(z, raw)
        assert np.all(np.isfinite(log_prob))
        assert all(np.all(np.isfinite(g)) for g in tape.gradient(log_prob, [raw, z]))
        noise = family.noise([20], 1, tf.float32)
        for temperature in (0.0, 1.0, 2.0):
            assert np.all(np.isfinite(family.decide(raw, noise, temperature)))


def test_bounded():
    raw = tf.constant([0.0, 1e-3, -1e9, 1e9], tf.float64)
    np.testing.assert_allclose(bounded(raw), [0, 1e-3, -7, 7], atol=1e-9)


def test_user_errors():
    with pytest.raises(ValueError, match="components >= 1"):
        LogisticMixtureOutput(0)
