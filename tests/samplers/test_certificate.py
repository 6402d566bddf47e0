"""The last pass notices a wrong sample and mends it; samples follow the model's distribution."""

import functools
import itertools

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.data.dataset import DataSpec
from glf.families import Categorical, DiscretizedLogisticMixture
from glf.layers.causal_conv import hold_weights
from glf.samplers import Ancestral, Predictive
from glf.samplers.certificate import certify


def check(case, x, noise):
    return tf.function(
        lambda x: certify(case.model, x, noise, case.context(x.shape[0]), 1.0, None),
        autograph=False,
    )(x)


def test_a_sample_is_certified_in_one_pass(case):
    x, certified, mended, passes = check(case, case.reference(13).x, case.noise(13))
    np.testing.assert_array_equal(x, case.reference(13).x)
    assert certified.numpy().all()
    assert (mended.numpy() == 0).all()
    assert (passes.numpy() == 0).all()


def test_a_wrong_value_is_noticed_and_mended(case):
    wrong = case.reference(13).x.numpy()
    wrong[4, 5] = (wrong[4, 5] + 1) % case.model.levels
    x, certified, mended, passes = check(case, tf.constant(wrong), case.noise(13))
    np.testing.assert_array_equal(x, case.reference(13).x)
    changed = (wrong != case.reference(13).x.numpy()).sum(axis=(1, 2))
    assert changed[4] >= 1
    np.testing.assert_array_equal(mended, changed)
    assert certified.numpy().all()
    assert passes.numpy()[4] >= 1
    assert (np.delete(passes.numpy(), 4) == 0).all()


def test_held_weights_change_nothing_and_are_let_go(get_case):
    model = get_case("binary").model
    x = tf.zeros([1, *model.image_shape], tf.int32)
    before = model.log_prob(x)
    with hold_weights(model):
        np.testing.assert_array_equal(model.log_prob(x), before)
    assert model.head.held is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "make_family", [Categorical, functools.partial(DiscretizedLogisticMixture, components=2)]
)
@pytest.mark.parametrize("sampler", [Ancestral(), Predictive(rows=1, batch=50_000)])
def test_200000_samples_follow_the_probabilities(make_family, sampler):
    """A chi-square test over all 81 images of 2 x 2 pixels and 3 levels."""
    keras.utils.set_random_seed(1)
    network = functools.partial(PixelCNN, filters=4, blocks=1, first_kernel=3, head=4)
    model = AutoregressiveModel(
        DataSpec((2, 2, 1), 3, None), make_network=network, make_family=make_family
    )
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=0.5, size=weight.shape))
    images = np.array(list(itertools.product(range(3), repeat=4)))
    probabilities = np.exp(model.log_prob(images.reshape(-1, 2, 2, 1)).numpy().astype(float))
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-5)
    noise = model.noise(200_000, (7, 8))
    x = tf.function(lambda noise: sampler(model, noise).x, autograph=False)(noise)
    codes = x.numpy()[..., 0] @ [27, 9, 3, 1]
    counts = np.bincount(codes, minlength=81)
    expected = probabilities / probabilities.sum() * counts.sum()
    few = expected < 5
    counts = np.append(counts[~few], counts[few].sum())
    expected = np.append(expected[~few], expected[few].sum())
    if expected[-1] == 0:
        counts, expected = counts[:-1], expected[:-1]
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3
