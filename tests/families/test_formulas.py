"""Families against formulas in float64, against TFP, and where they start."""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.families import (
    Bernoulli,
    Categorical,
    DiscretizedLogisticMixture,
    FixedGaussian,
    FixedLaplace,
    Gaussian,
    MixtureOfLogistics,
)
from glf.families.base import bounded

GENERATOR = np.random.default_rng(1)
Z = 3 * GENERATOR.normal(size=40)
OFFSETS = np.array([-2 / 3, 0, 2 / 3])


def _scales(raw):
    return np.exp(7 * np.tanh(raw / 7))


def _mixture(z, raw):
    logits, means, scales = np.split(raw, 3, axis=1)
    parts = scipy.stats.logistic.logpdf(z[:, None], means + OFFSETS, _scales(scales))
    return scipy.special.logsumexp(parts + scipy.special.log_softmax(logits, 1), axis=1)


@pytest.fixture
def generator():
    """Each test's own, so that its numbers do not depend on the tests before it."""
    return np.random.default_rng(1)


FORMULAS = {
    FixedGaussian: ({"variance": 0.3}, lambda z, r: scipy.stats.norm.logpdf(z, r[:, 0], 0.3**0.5)),
    FixedLaplace: ({"scale": 0.4}, lambda z, r: scipy.stats.laplace.logpdf(z, r[:, 0], 0.4)),
    Gaussian: ({}, lambda z, r: scipy.stats.norm.logpdf(z, r[:, 0], _scales(r[:, 1]))),
    MixtureOfLogistics: ({"components": 3}, _mixture),
}


@pytest.mark.parametrize("kind", FORMULAS)
def test_densities(kind, generator):
    options, formula = FORMULAS[kind]
    family = kind(1, **options, dtype="float64")
    raw = generator.normal(size=(40, family.parameter_size))
    np.testing.assert_allclose(family.log_prob(raw, Z[:, None]), formula(Z, raw), rtol=1e-9)


def test_coins_and_softmaxes(generator):
    logits = generator.normal(size=(7, 1))
    p = scipy.special.expit(logits[:, 0])
    coin = Bernoulli(1, dtype="float64")
    for x, expected in ((1, np.log(p)), (0, np.log1p(-p))):
        np.testing.assert_allclose(coin.log_prob(logits, np.full((7, 1), x)), expected)
    logits, other = generator.normal(size=(2, 7, 5))
    family, log_p = Categorical(1, 5, dtype="float64"), scipy.special.log_softmax(logits, 1)
    found = family.log_prob(logits, np.full((7, 1), 3))
    np.testing.assert_allclose(found, log_p[:, 3], rtol=1e-6)
    found = family.cross_entropy(logits, other, None)
    np.testing.assert_allclose(found, -np.sum(scipy.special.softmax(other, 1) * log_p, 1))


def reference(family, parameters, x):
    """log P(x) in float64, each bin as a difference on the side where no digits are lost."""
    k, channels = family.components, family.channels
    p = np.asarray(parameters, np.float64)
    logits, means, log_scales, slopes = np.split(
        p, np.cumsum([k, k * channels, k * channels]), axis=-1
    )
    means, log_scales = means.reshape(channels, k), log_scales.reshape(channels, k)
    slopes = np.tanh(slopes.reshape(-1, k))
    scales = np.exp(np.clip(log_scales, family.min_log_scale, 7.0))
    y = 2 * np.asarray(x, np.float64) / (family.levels - 1) - 1
    total = scipy.special.log_softmax(logits)
    pair = iter(range(len(slopes)))
    for c in range(channels):
        mean = means[c] + sum(slopes[next(pair)] * y[b] for b in range(c))
        half = 1 / (family.levels - 1)
        low, high = (y[c] - half - mean) / scales[c], (y[c] + half - mean) / scales[c]
        low = np.full(k, -np.inf) if x[c] == 0 else low
        high = np.full(k, np.inf) if x[c] == family.levels - 1 else high
        a, b = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
        la, lb = scipy.special.log_expit(a), scipy.special.log_expit(b)
        total = total + lb + np.log(-np.expm1(la - lb))
    return scipy.special.logsumexp(total)


@pytest.mark.parametrize(("channels", "levels"), [(1, 6), (3, 3)])
def test_discretized_mixture_agrees_with_float64(channels, levels, generator):
    family = DiscretizedLogisticMixture(channels, levels, components=3)
    every = np.array(list(itertools.product(range(levels), repeat=channels)))
    for scale in (1.0, 4.0):
        parameters = np.float32(scale * generator.normal(size=(5, 1, family.parameter_size)))
        wide = np.repeat(parameters, len(every), 1)
        found = family.log_prob(wide, np.broadcast_to(every, (5, *every.shape)))
        expected = [[reference(family, p[0], x) for x in every] for p in parameters]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def quantized(family, parameters):
    """TFP's version, in units of levels: u = (levels - 1) (y + 1) / 2, bins (j - 1/2, j + 1/2]."""
    logits, means, log_scales = tf.split(parameters, 3, -1)
    half = (family.levels - 1) / 2
    # TFP's own bins are (j - 1, j].
    logistic = tfd.Logistic((means + 1) * half - 0.5, tf.exp(log_scales) * half)
    mixture = tfd.MixtureSameFamily(tfd.Categorical(logits=logits), logistic)
    return tfd.QuantizedDistribution(mixture, low=0, high=family.levels - 1)


def test_discretized_mixture_is_that_of_tfp_where_that_is_sound(generator):
    family = DiscretizedLogisticMixture(1, 6, components=3)
    x = np.arange(6)
    parameters = tf.constant(generator.normal(size=(5, 1, 9)), tf.float32)
    expected = quantized(family, parameters).log_prob(x.astype(np.float32))
    found = family.log_prob(tf.repeat(parameters, 6, 1), np.tile(x[:, None], (5, 1, 1)))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_discretized_mixture_is_finite_at_extremes():
    """Far from every mean, at tiny and huge scales, where TFP's version is not."""
    family = DiscretizedLogisticMixture(1, 256, components=2)
    extremes = itertools.product((-60.0, 0.0, 60.0), (-9.0, 60.0), (-7.0, -2.0, 20.0))
    parameters = tf.constant([[0, logit, m, -m, s, s] for m, logit, s in extremes], tf.float32)
    x = np.array([0, 1, 127, 254, 255])[:, None]
    wide = tf.repeat(parameters[:, None], len(x), 1)
    with tf.GradientTape() as tape:
        tape.watch(wide)
        log_prob = family.log_prob(wide, np.broadcast_to(x, (len(parameters), *x.shape)))
    assert np.isfinite(log_prob).all()
    assert (log_prob.numpy() <= 0).all()
    assert np.isfinite(tape.gradient(log_prob, wide)).all()
    theirs = quantized(family, parameters[:, None]).log_prob(x[:, 0].astype(np.float32))
    assert not np.isfinite(theirs).all()


def test_later_channels_follow_a_known_one():
    family = DiscretizedLogisticMixture(2, 9, components=1, min_log_scale=-7.0)
    # Mean of the second channel: the first one's value.
    parameters = tf.constant([0, 0, 0, -7, -7, 9], tf.float32)
    for first in (0, 3, 8):
        value = family.decide(parameters, tf.zeros([3]), known=tf.constant([first, -1]))
        np.testing.assert_array_equal(value, [first, first])


def test_a_smaller_temperature_takes_probable_values_more_often(generator):
    for family in (Categorical(1, 5), DiscretizedLogisticMixture(3, 3, components=2)):
        raw = generator.normal(size=(1, family.parameter_size))
        parameters = tf.constant(np.repeat(raw, 5000, 0), tf.float32)
        noise = family.noise([5000], (0, 5))
        cold, warm = (
            np.mean(family.log_prob(parameters, family.decide(parameters, noise, t)))
            for t in (0.5, 1.0)
        )
        assert cold > warm


def test_mixtures_at_temperature_zero(generator):
    """The mean of the likeliest component; around it draws scale with the temperature."""
    family = MixtureOfLogistics(1, components=3, dtype="float64")
    raw = generator.normal(size=(50, 9))
    means = raw[:, 3:6] + OFFSETS
    expected = means[np.arange(50), np.argmax(raw[:, :3], 1)]
    np.testing.assert_allclose(family.mode(raw)[:, 0], expected, atol=1e-12)
    family = DiscretizedLogisticMixture(1, 6, components=3, dtype="float64")
    means = raw[np.arange(50), 3 + np.argmax(raw[:, :3], 1)]
    expected = np.clip(np.round((means + 1) * 2.5), 0, 5)
    np.testing.assert_array_equal(family.mode(raw)[:, 0], expected)
    family = Gaussian(1, dtype="float64")
    raw, noise = raw[:, :2], family.noise([50], 3)
    one, two = (family.decide(raw, noise, t) - family.mode(raw) for t in (1.0, 2.0))
    np.testing.assert_allclose(two, 2 * one)


def test_starts_as_standard():
    z = np.linspace(-60, 60, 12001)[:, None]

    def at_zero(family):
        return family.log_prob(tf.zeros((1, family.parameter_size), tf.float64), z).numpy()

    found = at_zero(Gaussian(1, dtype="float64"))
    np.testing.assert_allclose(found, scipy.stats.norm.logpdf(z[:, 0]), rtol=1e-9)
    standard = scipy.stats.logistic.logpdf(z[:, 0])
    one = at_zero(MixtureOfLogistics(1, components=1, dtype="float64"))
    np.testing.assert_allclose(one, standard, rtol=1e-9)
    for components in (2, 3, 8, 32):
        found = at_zero(MixtureOfLogistics(1, components=components, dtype="float64"))
        divergence = np.sum(np.exp(found) * (found - standard)) * (z[1, 0] - z[0, 0])
        assert 0 < divergence < 0.01


def test_bounded():
    raw = tf.constant([0.0, 1e-3, -1e9, 1e9], tf.float64)
    np.testing.assert_allclose(bounded(raw), [0, 1e-3, -7, 7], atol=1e-9)


def test_sizes():
    assert Categorical(3, 7).places_per_pixel == 3
    family = DiscretizedLogisticMixture(3, 256, components=10)
    assert (family.places_per_pixel, family.values, family.parameter_size) == (1, 3, 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical(1), "needs at least 2 levels, got levels=None"),
        (lambda: DiscretizedLogisticMixture(1, 1), "needs at least 2 levels, got levels=1"),
        (lambda: Bernoulli(1, 3), "of data of 2 levels, got 3"),
        (lambda: DiscretizedLogisticMixture(1, 2, components=0), "must be at least 1, got 0"),
        (lambda: MixtureOfLogistics(1, components=0), "must be at least 1, got 0"),
        (lambda: FixedGaussian(1, variance=0.0), "variance must be positive, got 0"),
        (lambda: FixedLaplace(1, scale=-1.0), "scale must be positive, got -1"),
    ],
)
def test_user_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
