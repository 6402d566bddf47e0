"""What every family must do: checks of one family, each with its own parameters and draws."""

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from glf.core.random import make_seed
from glf.families import HasMean

DRAWS = 20_000
# Real numbers from -e^14 to e^14, dense about zero, and the widths that they stand for.
_T = np.linspace(-15, 15, 20_001)
GRID, WIDTHS = np.sinh(_T), np.cosh(_T) * (_T[1] - _T[0])


def drawn(family, *shape, scale=1.0, seed=0):
    """Random parameters [*shape, P] of the family's dtype."""
    generator = np.random.default_rng(seed)
    size = (*shape, family.parameter_size)
    return tf.constant(scale * generator.normal(size=size), family.dtype)


def support(family):
    """(values [N, v], weights [N]) over which p times the weights sums to 1."""
    if not family.integers:
        return GRID[:, None], WIDTHS
    if family.unbounded:  # as far as scales of e^2 units or less have any digit
        values = np.arange(-2000, 2001)
        return values[:, None], np.ones(len(values))
    values = list(itertools.product(range(family.levels), repeat=family.values))
    return np.array(values), np.ones(len(values))


def probabilities(family, parameters):
    """p times the weights over the support, [rows, N], of parameters [rows, P]."""
    values, weights = support(family)
    wide = tf.repeat(parameters[:, None], len(values), 1)
    log_prob = family.log_prob(wide, np.broadcast_to(values, (len(parameters), *values.shape)))
    return weights * np.exp(log_prob.numpy().astype(float))


def some_values(family, num):
    """Values [num, v] of a fixed seed."""
    generator = np.random.default_rng(7)
    if family.unbounded:
        return tf.constant(generator.integers(-30, 30, (num, family.values)), tf.int32)
    if family.integers:
        return tf.constant(generator.integers(0, family.levels, (num, family.values)), tf.int32)
    return tf.constant(3 * generator.normal(size=(num, family.values)), family.dtype)


def check_normalisation(make):
    """The probabilities of all values sum to 1, or their density integrates to 1."""
    family = make(dtype="float64")
    for scale, tolerance in ((0.3, 1e-6), (2.0, 1e-4)):
        total = probabilities(family, drawn(family, 5, scale=scale)).sum(1)
        np.testing.assert_allclose(total, 1, atol=1e-9 if family.integers else tolerance)


def check_draws(make):
    """With noise of its own a family decides as its probabilities say."""
    family = make(dtype="float64")
    parameters = drawn(family, 1, seed=3)
    noise = family.noise([DRAWS], make_seed(5))
    assert noise.shape == (DRAWS, family.noise_size)
    x = family.decide(tf.repeat(parameters, DRAWS, 0), noise).numpy()
    assert x.shape == (DRAWS, family.values)
    values, _ = support(family)
    p = probabilities(family, parameters)[0]
    if family.integers:
        assert x.min() >= values.min()
        assert x.max() <= values.max()
        counts = (x[:, None] == values).all(-1).sum(0)
        many = DRAWS * p >= 5
        counts = [*counts[many], counts[~many].sum() + 1]
        expected = [*p[many], p[~many].sum() + 1 / DRAWS]
        expected = np.array(expected) * sum(counts) / sum(expected)
        assert scipy.stats.chisquare(counts, expected).pvalue > 1e-4
    else:
        middles = np.cumsum(p) - p / 2
        cdf = scipy.stats.kstest(x[:, 0], lambda x: np.interp(x, values[:, 0], middles))
        assert cdf.pvalue > 1e-4


def check_decisions(make):
    """A value depends on its own parameters and noise alone, and at temperature 0 on no noise."""
    family = make()
    parameters, other = drawn(family, 8, 3), make_seed(2)
    noise, fewer = family.noise([8, 3], make_seed(1)), family.noise([5, 3], make_seed(1))
    np.testing.assert_array_equal(noise[:5], fewer)
    assert np.any(family.noise([8, 3], other) != noise)
    x = family.decide(parameters, noise)
    assert x.dtype == (tf.int32 if family.integers else family.dtype)
    np.testing.assert_array_equal(x, family.decide(parameters, noise, 1.0))
    alone = family.decide(parameters[2:4], noise[2:4])
    np.testing.assert_allclose(x[2:4], alone, rtol=0 if family.integers else 1e-6)
    assert np.any(family.decide(parameters, noise, 3.0) != x)
    mode = family.mode(parameters)
    for seed in (1, 2):
        cold = family.decide(parameters, family.noise([8, 3], make_seed(seed)), 0.0)
        np.testing.assert_array_equal(cold, mode)
    if getattr(family, "components", None) is None:
        rows = tf.reshape(parameters, [-1, family.parameter_size])
        best = family.log_prob(parameters, mode).numpy().reshape(-1, 1)
        values, _ = support(family)
        values = values[:: 1 if family.integers else 50]
        values = np.broadcast_to(values, (len(rows), *values.shape))
        others = family.log_prob(tf.repeat(rows[:, None], values.shape[1], 1), values)
        assert np.all(best >= others - 1e-6)


def check_known_values(make):
    """Integers that are known are taken, and nothing else changes before them."""
    family = make()
    if not family.integers:
        return
    parameters, noise = drawn(family, 50), family.noise([50], make_seed(2))
    if family.unbounded:
        with pytest.raises(ValueError, match="takes no known values"):
            family.decide(parameters, noise, known=tf.zeros((50, family.values), tf.int32))
        return
    free = family.decide(parameters, noise).numpy()
    known = np.full((50, family.values), -1)
    known[::2, -1] = 1
    x = family.decide(parameters, noise, known=tf.constant(known, tf.int32)).numpy()
    assert (x[::2, -1] == 1).all()
    assert (free[::2, -1] != 1).any()
    np.testing.assert_array_equal(x[:, :-1], free[:, :-1])
    np.testing.assert_array_equal(x[1::2], free[1::2])


def check_extremes(make):
    """Whatever a network gives, densities, draws and gradients are finite in float32."""
    family = make()
    for scale in (1e2, 1e5):
        parameters = drawn(family, 40, scale=scale)
        x = some_values(family, 40)
        x = x if family.integers else x * scale
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            log_prob = family.log_prob(parameters, x)
        assert np.all(np.isfinite(log_prob))
        assert np.all(np.isfinite(tape.gradient(log_prob, parameters)))
        noise = family.noise([40], make_seed(1))
        for temperature in (0.0, 1.0, 2.0):
            assert np.all(np.isfinite(family.decide(parameters, noise, temperature)))


def check_gradients(make):
    """Each parameter has a gradient, the right one."""
    family = make(dtype="float64")
    parameters, x = drawn(family, 60, scale=0.5), some_values(family, 60)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_prob = family.log_prob(parameters, x)
    gradient = tape.gradient(log_prob, parameters)
    assert log_prob.shape == (60,)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.any(gradient != 0, axis=0))
    step = 1e-6 * drawn(family, 60, seed=9)
    moved = family.log_prob(parameters + step, x) - family.log_prob(parameters - step, x)
    np.testing.assert_allclose(moved / 2, tf.reduce_sum(gradient * step, -1), rtol=1e-4, atol=1e-12)


def check_compilation(make):
    """Compiled by XLA probabilities and decisions are the same."""
    family = make(dtype="float64")
    parameters, x = drawn(family, 60), some_values(family, 60)
    noise = family.noise([60], make_seed(4))

    def run(parameters):
        return family.log_prob(parameters, x), family.decide(parameters, noise, 0.9)

    compiled = tf.function(run, autograph=False, jit_compile=True)(parameters)
    for ours, theirs in zip(run(parameters), compiled, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


def check_mean(make):
    """The mean is that of the probabilities."""
    family = make(dtype="float64")
    if not isinstance(family, HasMean):
        return
    parameters = drawn(family, 6, scale=0.5)
    expected = probabilities(family, parameters) @ support(family)[0]
    np.testing.assert_allclose(family.mean(parameters), expected, atol=1e-5)


def check_places(make):
    """What a network gives an image is split among the places of its pixels, in order."""
    family = make()
    places = family.places_per_pixel
    assert places * family.values == family.channels
    h = tf.reshape(tf.range(2 * 4 * 3 * places * family.parameter_size), (2, 4, 3, -1))
    parameters = family.at_places(tf.cast(h, family.dtype))
    assert parameters.shape == (2, 4, 3, places, family.parameter_size)
    np.testing.assert_array_equal(np.ravel(parameters), np.ravel(h))
    x = tf.reshape(some_values(family, 2 * 4 * 3 * places), (2, 4, 3, family.channels))
    assert family.log_prob(parameters, family.values_at_places(x)).shape == (2, 4, 3, places)
    cost = family.cross_entropy(parameters, parameters, family.values_at_places(x))
    assert cost.shape == (2, 4, 3, places)


def check_levels(make):
    """The probabilities of all levels, a value after the other, are those of the whole place."""
    family = make(dtype="float64")
    parameters = drawn(family, 5, 3)
    if not family.of_levels:
        with pytest.raises(TypeError, match="no levels"):
            family.level_log_probs(parameters)
        return
    x = tf.reshape(some_values(family, 15), [5, 3, family.values])
    total = tf.zeros([5, 3], family.dtype)
    for c in range(family.values):
        each = family.level_log_probs(parameters, tf.unstack(x, axis=-1)[:c])
        assert each.shape == (5, 3, family.levels)
        np.testing.assert_allclose(np.exp(each).sum(-1), 1, atol=1e-9)
        total += tf.gather(each, x[..., c], batch_dims=2)
    np.testing.assert_allclose(total, family.log_prob(parameters, x), rtol=1e-9, atol=1e-9)


CHECKS = {
    check.__name__.removeprefix("check_"): check
    for check in (
        *(check_normalisation, check_draws, check_decisions, check_known_values, check_extremes),
        *(check_gradients, check_compilation, check_mean, check_places, check_levels),
    )
}
