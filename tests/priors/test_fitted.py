"""Priors fitted to points: their parameters, by scikit-learn's and NumPy's own."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.mixture import GaussianMixture

from glf.priors import FittedGaussian, FittedMixture

SIZE = 3


def points(seed=0, num=300):
    """Two clusters with correlations, float64 [num, 3]."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(num, SIZE)) @ rng.normal(size=(SIZE, SIZE))
    return z + 6.0 * (rng.uniform(size=(num, 1)) < 0.3)


def built(make, classes=None, dtype="float64"):
    prior = make(dtype=dtype)
    prior.build((None, SIZE), None if classes is None else (None, classes))
    return prior


def test_before_it_is_fitted_it_is_the_standard_normal():
    z = points(num=5)
    expected = stats.multivariate_normal(np.zeros(SIZE)).logpdf(z)
    for make in (FittedGaussian, partial(FittedMixture, 4)):
        np.testing.assert_allclose(built(make).log_prob(z), expected, rtol=1e-10)


def test_a_gaussian_has_the_moments_of_the_points():
    prior, z = built(partial(FittedGaussian, regularization=0.0)), points()
    nats = prior.fit(z)
    expected = stats.multivariate_normal(z.mean(0), np.cov(z, rowvar=False, bias=True)).logpdf(z)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-9)
    np.testing.assert_allclose(nats, -expected.mean(), rtol=1e-9)


def test_a_mixture_is_scikit_learns():
    prior, z = built(partial(FittedMixture, 2, seed=5)), points()
    nats = prior.fit(z)
    mixture = GaussianMixture(2, random_state=5).fit(z)
    np.testing.assert_allclose(prior.log_prob(z), mixture.score_samples(z), rtol=1e-8)
    np.testing.assert_allclose(nats, -mixture.score(z), rtol=1e-9)
    values = [weight.numpy() for weight in prior.weights]
    prior.fit(z)
    for weight, value in zip(prior.weights, values, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_each_class_has_its_own():
    """As many priors, each fitted to the points of one label."""
    prior, z = built(partial(FittedMixture, 2), classes=3), points()
    labels = np.random.default_rng(1).integers(0, 3, len(z))
    z += 10.0 * labels[:, None]
    nats, each = prior.fit(z, labels), np.zeros(len(z))
    for label in range(3):
        single = built(partial(FittedMixture, 2))
        single.fit(z[labels == label])
        each[labels == label] = single.log_prob(z[labels == label])
    hot = np.eye(3)[labels]
    np.testing.assert_allclose(prior.log_prob(z, hot), each, rtol=1e-9)
    np.testing.assert_allclose(nats, -each.mean(), rtol=1e-9)
    drawn = prior.sample(len(z), 3, condition=tf.constant(hot))
    assert np.all(prior.log_prob(drawn, hot) > prior.log_prob(drawn, np.roll(hot, 1, 1)))


def test_single_precision_is_enough():
    double, single, z = built(FittedGaussian), built(FittedGaussian, dtype="float32"), points()
    z[:, 1] *= 1e-3  # a latent that is hardly used
    for prior in (double, single):
        prior.fit(z)
    np.testing.assert_allclose(single.log_prob(z), double.log_prob(z), rtol=1e-3)


def test_a_mixture_that_is_still_rising_says_so(caplog):
    with caplog.at_level("INFO", logger="absl"):
        built(partial(FittedMixture, 5, max_iterations=1)).fit(points())
    assert "still rising after 1 iterations" in caplog.text


@pytest.mark.parametrize(
    ("make", "classes", "change", "said"),
    [
        (partial(FittedMixture, 0), None, None, "got num_components=0"),
        (partial(FittedGaussian, examples=1), None, None, "examples=1"),
        (partial(FittedGaussian, regularization=-1.0), None, None, "at least 0, got -1"),
        (partial(FittedMixture, max_iterations=0), None, None, "at least 1, got 0"),
        (partial(FittedMixture, 300), None, None, "to 300 points; take fewer"),
        (partial(FittedMixture, 5), 2, None, "to 0 points of class 1"),
        (FittedGaussian, None, np.nan, "1 of 300 are not"),
    ],
)
def test_what_cannot_be_fitted(make, classes, change, said):
    z = points()
    if change is not None:
        z[4, 1] = change
    with pytest.raises(ValueError, match=said):
        built(make, classes).fit(z, np.zeros(len(z), int))
