"""Every base density: its formula, its samples, temperature, seeds, modes, saving."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from glf.core import random
from glf.priors import DiagonalGaussian, GaussianMixture, StandardLogistic, StandardNormal
from glf.priors.base import BaseDensity

DENSITIES = {
    "standard_normal": StandardNormal,
    "standard_logistic": StandardLogistic,
    "diagonal_gaussian": DiagonalGaussian,
    "gaussian_mixture": lambda **kwargs: GaussianMixture(3, **kwargs),
    "gaussian_mixture_full": lambda **kwargs: GaussianMixture(3, full=True, **kwargs),
}


def built(make, size=3, dtype="float32"):
    prior = make(dtype=dtype)
    prior.build((None, size))
    rng = np.random.default_rng(0)
    for weight in prior.weights:
        weight.assign_add(0.5 * rng.normal(size=weight.shape))
    return prior


@pytest.fixture(params=DENSITIES)
def make(request):
    return DENSITIES[request.param]


def test_all_are_here():
    assert {type(make()) for make in DENSITIES.values()} == set(BaseDensity.__subclasses__())


def formula(prior, z):
    if isinstance(prior, StandardNormal):
        return scipy.stats.norm.logpdf(z).sum(axis=1)
    if isinstance(prior, StandardLogistic):
        return scipy.stats.logistic.logpdf(z).sum(axis=1)
    if isinstance(prior, DiagonalGaussian):
        scale = np.exp(prior.log_scale.numpy())
        return scipy.stats.norm.logpdf(z, prior.loc.numpy(), scale).sum(axis=1)
    if prior.full:
        return of_full(prior, z)
    logits, loc, scale = prior.logits.numpy(), prior.loc.numpy(), np.exp(prior.log_scale.numpy())
    parts = scipy.stats.norm.logpdf(z[:, None], loc, scale).sum(axis=2)
    return scipy.special.logsumexp(parts + scipy.special.log_softmax(logits), axis=1)


def of_full(prior, z):
    """By covariances, inverses of what B makes of unit vectors."""
    size, parts = z.shape[1], []
    for k, weight in enumerate(scipy.special.softmax(prior.logits.numpy())):
        unit = np.eye(size)
        if size > 1:
            row, column = np.tril_indices(size, -1)
            # In the order in which TFP fills a triangle.
            order = tfp.math.fill_triangular(np.arange(1.0, len(row) + 1)).numpy()
            found = order[row - 1, column].astype(int) - 1
            unit[row, column] = prior.lower.numpy()[k, found]
        matrix = np.diag(np.exp(-prior.log_scale.numpy()[k])) @ unit
        normal = scipy.stats.multivariate_normal(
            prior.loc.numpy()[k], np.linalg.inv(matrix.T @ matrix)
        )
        parts.append(np.log(weight) + normal.logpdf(z))
    return scipy.special.logsumexp(parts, axis=0)


def test_log_prob(make):
    prior = built(make, dtype="float64")
    z = np.random.default_rng(1).normal(scale=3, size=(50, 3))
    expected = formula(prior, z)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-9)
    np.testing.assert_allclose(prior(z), expected, rtol=1e-9)
    assert isinstance(prior.distribution(), tfd.Distribution)
    np.testing.assert_allclose(prior.distribution().log_prob(z), expected, rtol=1e-9)


def test_samples_follow_the_density(make):
    prior = built(make, size=1, dtype="float64")
    drawn = prior.sample(20000, 7).numpy()[:, 0]
    grid = np.linspace(-30, 30, 6001)
    cdf = np.cumsum(np.exp(formula(prior, grid[:, None]))) * (grid[1] - grid[0])
    result = scipy.stats.kstest(drawn, lambda x: np.interp(x, grid, cdf))
    assert result.statistic < 0.015, result


def test_temperature_zero_is_the_mode(make):
    prior = built(make, dtype="float64")
    drawn = prior.sample(5, 1, temperature=0.0)
    np.testing.assert_array_equal(drawn, np.repeat(drawn[:1], 5, axis=0))
    if isinstance(prior, GaussianMixture):
        expected = prior.loc.numpy()[np.argmax(prior.logits)]
    else:
        expected = prior.distribution().mean()
    np.testing.assert_allclose(drawn[0], expected, atol=1e-12)


def test_temperature_scales_the_noise(make):
    if isinstance(make(), GaussianMixture):
        full = make().full
        make = lambda **kwargs: GaussianMixture(1, full=full, **kwargs)  # noqa: E731
    prior = built(make, dtype="float64")
    mean, once, twice = (prior.sample(9, 1, temperature=t) for t in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(twice - mean, 2.0 * (once - mean), atol=1e-12)


def test_first_rows_do_not_depend_on_the_number(make):
    prior = built(make)
    many = prior.sample(33, 5)
    np.testing.assert_allclose(prior.sample(7, 5), many[:7], rtol=1e-5, atol=1e-6)
    assert np.any(prior.sample(7, 6) != many[:7])


@pytest.mark.slow
def test_graph_and_xla_draw_the_same(make):
    prior = built(make)
    seed = random.make_seed(5)
    eager = prior.sample(8, seed)
    graph = tf.function(prior.sample)(tf.constant(8), seed)
    np.testing.assert_allclose(graph, eager, rtol=1e-5, atol=1e-6)
    xla = tf.function(lambda seed: prior.sample(8, seed), jit_compile=True)(seed)
    np.testing.assert_allclose(xla, eager, rtol=1e-5, atol=1e-6)


def test_every_weight_has_a_gradient_and_is_saved(make, tmp_path):
    prior, other = built(make), make()
    other.build((None, 3))
    z = tf.constant(np.random.default_rng(1).normal(size=(5, 3)), tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(prior.log_prob(z))
    gradients = tape.gradient(loss, [w.value for w in prior.trainable_weights])
    assert all(np.any(g != 0) and np.all(np.isfinite(g)) for g in gradients)
    path = tf.train.Checkpoint(prior=prior).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(prior=other).read(path).assert_consumed()
    np.testing.assert_allclose(other.log_prob(z), prior.log_prob(z))


def test_far_points_are_finite(make):
    assert np.all(np.isfinite(built(make).log_prob(tf.constant([[1e6, -1e6, 0.0]]))))


@pytest.mark.parametrize("make", [StandardNormal, StandardLogistic, DiagonalGaussian])
def test_events_of_any_shape(make):
    prior = make()
    prior.build((None, 2, 3, 4))
    z = prior.sample(5, 1)
    assert z.shape == (5, 2, 3, 4)
    assert prior.log_prob(z).shape == (5,)


def test_diagonal_gaussian_starts_standard():
    z = np.random.default_rng(1).normal(size=(5, 3))
    priors = StandardNormal(), DiagonalGaussian()
    for prior in priors:
        prior.build((None, 3))
    np.testing.assert_allclose(priors[0].log_prob(z), priors[1].log_prob(z), rtol=1e-6)


def test_gaussian_mixture_starts_with_equal_weights_and_unit_variances():
    prior = GaussianMixture(400)
    prior.build((None, 5))
    np.testing.assert_array_equal(prior.logits.numpy(), np.zeros(400))
    np.testing.assert_array_equal(prior.log_scale.numpy(), np.zeros((400, 5)))
    assert abs(np.std(prior.loc.numpy()) - 1) < 0.1


def test_user_errors():
    with pytest.raises(ValueError, match="num_components >= 1"):
        GaussianMixture(0)
    with pytest.raises(ValueError, match="flatten them first"):
        GaussianMixture().build((None, 2, 3))
    with pytest.raises(ValueError, match="known and not empty"):
        StandardNormal().build((None, None))
