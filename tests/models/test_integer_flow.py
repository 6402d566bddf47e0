"""Integer flows as models: likelihoods of integers, round trips, values that are no data."""

import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.model import AutoregressiveModel
from glf.data.dataset import DataSpec
from glf.families import IntegerLogisticMixture
from glf.models.drawn import drawn_any_integers
from glf.models.integer_flow import IntegerFlow
from glf.models.likelihood_vae import LikelihoodVAE
from glf.models.registry import MODELS


@pytest.fixture(scope="module")
def model():
    spec, make = MODELS["integer_flow"]
    made = make(spec)
    rng = np.random.default_rng(1)
    for weight in made.trainable_weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape))
    return made


def test_the_round_trip_is_exact(model):
    x = np.random.default_rng(0).integers(0, 17, (6, *model.spec.shape)).astype(np.uint8)
    before, after = model.round_trip(x, np.arange(6) % 3)
    np.testing.assert_array_equal(before, x)
    np.testing.assert_array_equal(after, x)


def test_the_likelihood_is_that_of_the_integers_less_the_offset(model):
    x = np.random.default_rng(0).integers(0, 17, (4, *model.spec.shape)).astype(np.uint8)
    labels = np.array([0, 1, 2, 0])
    assert model.offset == 8
    assert model.unit == 16
    context = model.condition_encoder.encode(tf.constant(labels))
    expected = model.density.log_prob(x.astype(np.float32) - 8, context)
    np.testing.assert_allclose(model.log_prob(x, labels), expected, rtol=1e-5)
    assert np.any(model.log_prob(x, (labels + 1) % 3) != expected)
    assert model.likelihood == "exact"


def test_samples_beyond_the_levels_are_counted(model):
    drawn = model.draw(40, 0)
    assert 0 < drawn.outside.numpy().mean() < 1
    by_hand = drawn_any_integers(tf.reshape([-3.0, 0, 4, 5, np.inf, 2], (1, 2, 3, 1)), 5)
    np.testing.assert_array_equal(np.ravel(by_hand.x), [0, 0, 4, 4, 0, 2])
    np.testing.assert_allclose(by_hand.outside, [2 / 6])
    np.testing.assert_allclose(by_hand.not_finite, [1 / 6])


def test_units_are_powers_of_two():
    """The least that is at least half of the levels."""
    for levels, unit in ((2, 1), (3, 2), (4, 2), (16, 8), (17, 16), (256, 128)):
        density = type("Any", (), {"__init__": lambda self, unit: None, "build": lambda *_: None})
        assert IntegerFlow(DataSpec((2, 2, 1), levels, None), make_density=density).unit == unit


def test_offsets_are_levels():
    for wrong in (-1, 17, 2.0):
        with pytest.raises(ValueError, match="a level of the data, from 0 to 16"):
            IntegerFlow(DataSpec((2, 2, 1), 17, None), offset=wrong)


def test_models_of_levels_refuse_families_of_all_integers():
    spec = DataSpec((2, 2, 1), 17, None)
    for make in (
        lambda: AutoregressiveModel(spec, make_family=IntegerLogisticMixture),
        lambda: LikelihoodVAE(spec, make_family=IntegerLogisticMixture),
    ):
        with pytest.raises(ValueError, match=r"IntegerLogisticMixture.* of all integers"):
            make()
