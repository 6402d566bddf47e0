"""Families of conditionals: probabilities, edges, decisions."""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.autoregressive.outputs import Categorical, LogisticMixture
from glf.core.random import make_seed

FAMILIES = {
    "categorical": Categorical(1, 5),
    "mixture": LogisticMixture(1, 6, components=3),
    "mixture_colour": LogisticMixture(3, 3, components=2),
}


def drawn(family, *shape, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return tf.constant(scale * rng.normal(size=(*shape, family.parameter_size)), tf.float32)


def every_value(family):
    return np.array(list(itertools.product(range(family.levels), repeat=family.values)))


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


@pytest.mark.parametrize("name", FAMILIES)
def test_probabilities_sum_to_one(name):
    family = FAMILIES[name]
    values = every_value(family)
    for scale in (0.3, 3.0):
        parameters = tf.repeat(drawn(family, 20, 1, scale=scale), len(values), 1)
        log_prob = family.log_prob(parameters, np.broadcast_to(values, (20, *values.shape)))
        assert log_prob.shape == (20, len(values))
        total = np.exp(log_prob.numpy().astype(np.float64)).sum(1)
        np.testing.assert_allclose(total, 1, atol=2e-6)


@pytest.mark.parametrize("name", ["mixture", "mixture_colour"])
def test_mixture_agrees_with_float64(name):
    family = FAMILIES[name]
    for scale in (1.0, 4.0):
        parameters = drawn(family, 5, scale=scale, seed=1)
        for x in every_value(family):
            found = family.log_prob(parameters, np.broadcast_to(x, (5, len(x))))
            expected = [reference(family, p, x) for p in parameters.numpy()]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def quantized(family, parameters):
    """TFP's version, in units of levels: u = (levels - 1) (y + 1) / 2, bins (j - 1/2, j + 1/2]."""
    logits, means, log_scales = tf.split(parameters, 3, -1)
    half = (family.levels - 1) / 2
    # TFP's own bins are (j - 1, j].
    logistic = tfd.Logistic((means + 1) * half - 0.5, tf.exp(log_scales) * half)
    mixture = tfd.MixtureSameFamily(tfd.Categorical(logits=logits), logistic)
    return tfd.QuantizedDistribution(mixture, low=0, high=family.levels - 1)


def test_mixture_is_that_of_tfp_where_that_is_sound():
    family = LogisticMixture(1, 6, components=3)
    x = np.arange(6)
    for seed in range(5):
        parameters = drawn(family, seed=seed)
        expected = quantized(family, parameters).log_prob(x.astype(np.float32))
        np.testing.assert_allclose(family.log_prob(parameters, x[:, None]), expected, atol=1e-4)


def test_mixture_is_finite_at_extremes():
    """Far from every mean, at tiny and huge scales, where TFP's version is not."""
    family = LogisticMixture(1, 256, components=2)
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


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("name", FAMILIES)
def test_decisions_have_the_probabilities(name, temperature):
    family = FAMILIES[name]
    num = 20_000
    parameters = tf.repeat(drawn(family, seed=3)[None], num, 0)
    noise = family.noise([num], make_seed(5))
    assert noise.shape == (num, family.noise_size)
    values = family.decide(parameters, noise, temperature).numpy()
    assert values.shape == (num, family.values)
    assert values.min() >= 0
    assert values.max() < family.levels
    every = every_value(family)
    if temperature != 1.0:
        # A smaller temperature takes probable values more often.
        chosen = family.log_prob(parameters, values).numpy().mean()
        usual = family.decide(parameters, noise).numpy()
        assert chosen > family.log_prob(parameters, usual).numpy().mean()
        return
    log_prob = family.log_prob(parameters[: len(every)], every)
    probabilities = np.exp(log_prob.numpy().astype(np.float64))
    counts = (values[:, None] == every).all(-1).sum(0)
    expected = num * probabilities / probabilities.sum()
    many = expected >= 5
    counts = [*counts[many], counts[~many].sum()]
    expected = [*expected[many], expected[~many].sum() + 1e-9]
    if expected[-1] < 5:
        counts[-2:], expected[-2:] = [sum(counts[-2:])], [sum(expected[-2:])]
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-4


@pytest.mark.parametrize("name", FAMILIES)
def test_noise_of_the_first_rows_is_that_of_fewer(name):
    family = FAMILIES[name]
    many, few = (family.noise([num, 4], make_seed(1)) for num in (7, 3))
    np.testing.assert_array_equal(many[:3], few)
    assert np.isfinite(many).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_given_values_are_taken(name):
    family = FAMILIES[name]
    parameters, noise = drawn(family, 50), family.noise([50], make_seed(2))
    free = family.decide(parameters, noise).numpy()
    given = np.full((50, family.values), -1)
    given[::2, 0] = 1
    values = family.decide(parameters, noise, given=tf.constant(given, tf.int32)).numpy()
    assert (values[::2, 0] == 1).all()
    np.testing.assert_array_equal(values[1::2], free[1::2])


def test_later_channels_follow_a_given_one():
    family = LogisticMixture(2, 9, components=1, min_log_scale=-7.0)
    # Mean of the second channel: the first one's value.
    parameters = tf.constant([0, 0, 0, -7, -7, 9], tf.float32)
    for first in (0, 3, 8):
        given = tf.constant([first, -1])
        value = family.decide(parameters, tf.zeros([3]), given=given)
        np.testing.assert_array_equal(value, [first, first])


def test_temperature_zero():
    family, noise = Categorical(1, 5), tf.random.stateless_normal([9, 5], (1, 2))
    parameters = drawn(family, 9)
    found = family.decide(parameters, noise, 0.0)[:, 0]
    np.testing.assert_array_equal(found, np.argmax(parameters, 1))


def test_sizes():
    assert Categorical(3, 7).positions_per_pixel == 3
    family = LogisticMixture(3, 256, components=10)
    assert (family.positions_per_pixel, family.values, family.parameter_size) == (1, 3, 100)
    with pytest.raises(ValueError, match="components must be at least 1, got 0"):
        LogisticMixture(1, 2, components=0)
