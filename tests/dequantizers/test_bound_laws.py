"""What bounds owe to probability, on all nine images of two pixels with three levels."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import Chain
from glf.bijectors.image_coupling import ImageCoupling
from glf.bijectors.logit import Logit
from glf.dequantizers import ELBO, ImportanceWeighted, Renyi
from glf.dequantizers.registry import DEQUANTIZERS
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors import DiagonalGaussian, Flow

SHAPE, LEVELS, DRAWS = (1, 2, 1), 3, 2**14
IMAGES = np.stack(np.meshgrid(range(LEVELS), range(LEVELS)), -1).reshape(-1, *SHAPE)

# Whose weights have a finite variance; those of normal noise seen through a sigmoid do not.
FINITE_VARIANCE = ("autoregressive_logistic", "uniform", "variational_logistic")


def randomise(layer, scale):
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))


@pytest.fixture(scope="module")
def density():
    conditioner = partial(GlowConditioner, filters=6)
    double = {"dtype": "float64"}
    coupling = partial(ImageCoupling, mask="checkerboard", make_conditioner=conditioner, **double)
    parts = [partial(Logit, **double), coupling, partial(coupling, flip=True)]
    keras.utils.set_random_seed(0)
    flow = Flow(partial(Chain, parts), partial(DiagonalGaussian, **double))
    flow.build((None, *SHAPE))
    randomise(flow, 0.2)
    return tf.function(flow.log_prob, autograph=False)


@pytest.fixture(scope="module")
def log_p(density):
    """log P of each image: the density summed over its bin, in logits for the sake of the edges."""
    axis = np.linspace(-30, 30, 600)
    v = 1 / (1 + np.exp(-axis))
    weight = v * (1 - v) * (axis[1] - axis[0])
    grid = np.stack(np.meshgrid(v, v), -1).reshape(-1, *SHAPE)
    weight = np.outer(weight, weight).ravel() / LEVELS**2
    return np.log([np.sum(weight * np.exp(density((x + grid) / LEVELS))) for x in IMAGES])


@pytest.fixture(scope="module", params=sorted(DEQUANTIZERS))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def log_weights(name, density):
    """[DRAWS, images]."""
    keras.utils.set_random_seed(0)
    layer = DEQUANTIZERS[name](dtype="float64")
    layer.build(SHAPE, LEVELS)
    randomise(layer, 0.05)
    x = np.repeat(IMAGES, DRAWS, 0)
    v, log_q = tf.function(layer.sample_and_log_prob, autograph=False)(x, 11)
    log_weights = density((x + v) / LEVELS) - np.log(LEVELS) * x[0].size - log_q
    return log_weights.numpy().reshape(len(IMAGES), DRAWS).T


def estimate(bound, log_weights):
    """Mean and standard error of the bound for each image."""
    k = bound.num_samples
    values = bound(log_weights.reshape(k, -1)).numpy().reshape(DRAWS // k, -1)
    return values.mean(0), values.std(0) / len(values) ** 0.5


def test_probabilities_sum_to_one(log_p):
    # The density's preprocessing cuts off a little of it.
    assert 0.99 < np.sum(np.exp(log_p)) < 1 + 1e-6
    assert np.ptp(log_p) > 1


@pytest.mark.slow
def test_weights_have_the_probability_as_their_mean(name, log_weights, log_p):
    if name not in FINITE_VARIANCE:
        return
    weights = np.exp(log_weights - log_p)
    error = weights.std(0) / DRAWS**0.5
    assert np.all(error < 0.1)
    assert np.all(abs(weights.mean(0) - 1) < 5 * error + 1e-3)


BOUNDS = {
    "elbo": ELBO(),
    "iw": ImportanceWeighted(8),
    "renyi": Renyi(0.5, 8),
    "renyi_2": Renyi(2.0, 8),
    "renyi_1": Renyi(1.0, 2),
}


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_bounds_are_below_the_probability_and_sum_to_less_than_one(log_weights, log_p, bound):
    mean, error = estimate(bound, log_weights)
    assert np.all(mean < log_p + 4 * error + 1e-3)
    total = np.sum(np.exp(mean))
    assert total < 1 + 4 * np.sum(np.exp(mean) * error) + 1e-3
    assert total > 0.2


def test_more_draws_come_nearer(name, log_weights, log_p):
    gaps = []
    for k in (1, 4, 16, 64, 256):
        mean, error = estimate(ImportanceWeighted(k), log_weights)
        gaps.append((np.mean(log_p - mean), np.sum(error**2) ** 0.5 / len(error)))
    for (gap, error), (next_gap, next_error) in itertools.pairwise(gaps):
        assert next_gap < gap + 4 * (error**2 + next_error**2) ** 0.5
    left = 0.02 if name in FINITE_VARIANCE else 0.5
    assert abs(gaps[-1][0]) < left * gaps[0][0] + 4 * gaps[-1][1] + 1e-3


def test_renyi_is_between(log_weights):
    """Of the same draws, image by image, for every single set of them."""
    means = [estimate(b, log_weights)[0] for b in (ELBO(8), Renyi(0.5, 8), ImportanceWeighted(8))]
    assert np.all(means[0] < means[1])
    assert np.all(means[1] < means[2])
