"""The model around a network: shapes, order, rasters, forecasts, errors."""

import functools
import itertools

import causal_battery as battery
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.forecaster import Forecaster
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.registry import REGISTRY
from glf.autoregressive.view import WholeView
from glf.data.dataset import DataSpec
from glf.families import Bernoulli, DiscretizedLogisticMixture, Gaussian

small = functools.partial(PixelCNN, filters=12, blocks=1, first_kernel=3, head=6)


def test_positions_are_in_raster_order_with_channels_in_turn():
    model = AutoregressiveModel(DataSpec((2, 3, 3), 20, None), make_network=small)
    x = np.arange(18).reshape(1, 2, 3, 3)
    flat = model.to_positions(x)
    assert flat.shape == (1, 18, 1)
    np.testing.assert_array_equal(flat[0, :, 0], np.arange(18))
    np.testing.assert_array_equal(model.to_data(flat), x)
    np.testing.assert_array_equal(model.to_images(flat), x)
    assert (model.positions, model.row_positions) == (18, 9)


def test_positions_of_a_mixture_are_pixels():
    model = AutoregressiveModel(
        DataSpec((2, 3, 3), 20, None), make_network=small, make_family=DiscretizedLogisticMixture
    )
    x = np.arange(18).reshape(1, 2, 3, 3)
    flat = model.to_positions(x)
    assert flat.shape == (1, 6, 3)
    np.testing.assert_array_equal(flat[0, 1], [3, 4, 5])
    np.testing.assert_array_equal(model.to_data(flat), x)


def test_any_family_of_integers_is_one_of_conditionals():
    model = AutoregressiveModel(
        DataSpec((2, 2, 1), 2, None), make_network=small, make_family=Bernoulli
    )
    for weight in model.trainable_weights:
        weight.assign_add(np.random.default_rng(0).normal(size=weight.shape))
    every = np.array(list(itertools.product(range(2), repeat=4))).reshape(16, 2, 2, 1)
    np.testing.assert_allclose(np.sum(np.exp(model.log_prob(every))), 1, rtol=1e-5)
    assert model.noise(3, 0).shape == (3, 4, 1)
    with pytest.raises(ValueError, match=r"a family of integers, .* got Gaussian"):
        AutoregressiveModel(DataSpec((2, 2, 1), 2, None), make_network=small, make_family=Gaussian)


def test_a_raster_is_the_sequence_of_all_values():
    model = REGISTRY["wavenet_raster_image"]()
    assert model.data_shape == (4, 2, 3)
    assert model.image_shape == (24, 1, 1)
    x = np.arange(24).reshape(1, 4, 2, 3) % 4
    np.testing.assert_array_equal(model.to_images(x)[0, :, 0, 0], np.arange(24) % 4)
    np.testing.assert_array_equal(model.to_data(model.to_positions(x)), x)
    assert (model.positions, model.row_positions) == (24, 1)


@pytest.fixture(scope="module")
def forecasting():
    return battery.Case(REGISTRY["pixel_cnn_colour"])


def test_forecasts_leave_the_model_alone(forecasting):
    model = forecasting.model
    own = {id(w) for w in model.forecaster.trainable_weights}

    @battery.function
    def gradients(x):
        with tf.GradientTape(persistent=True) as tape:
            terms = model.loss_terms(x)
        weights = model.trainable_weights
        return {name: tape.gradient(term, weights) for name, term in terms.items()}

    found = gradients(forecasting.x)
    for i, weight in enumerate(model.trainable_weights):
        assert (found["forecast"][i] is None) == (id(weight) not in own)
        assert (found["nll"][i] is None) == (id(weight) in own)


def test_forecast_loss_is_the_cross_entropy_of_what_comes(forecasting):
    model, x = forecasting.model, forecasting.x
    terms = model.loss_terms(x)
    found = battery.whole_pass(model, x, None)
    targets = tf.nn.softmax(found["parameters"]).numpy()
    forecasts = tf.nn.log_softmax(found["forecasts"]).numpy()
    expected, d = 0, model.positions
    for i in range(d):
        for t in range(1, model.forecaster.horizon + 1):
            if i + t < d:
                expected -= (targets[:, i + t] * forecasts[:, i, t - 1]).sum(-1)
    np.testing.assert_allclose(terms["forecast"], expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["pixel_cnn_colour", "plus_plus"])
def test_forecasts_at_single_positions(name):
    model, rng = REGISTRY[name](), np.random.default_rng(0)
    battery.randomise(model, rng)
    x = tf.constant(rng.integers(0, 4, (5, *model.data_shape)), tf.int32)
    view = WholeView(x, model.embed)
    hidden = model.forecaster.hidden(view, model.features(view))
    where = tf.constant([0, 7, 8, 12, 31])
    at = tf.gather(hidden, where, axis=1, batch_dims=1)
    found = model.forecaster.at(at, where % model.groups)
    expected = tf.gather(model.forecaster.everywhere(hidden), where, axis=1, batch_dims=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_forecasts_without_the_shared_representation():
    forecaster = functools.partial(Forecaster, shared=False, filters=4)
    model = AutoregressiveModel(
        DataSpec((3, 3, 1), 4, None), make_network=small, make_forecaster=forecaster
    )
    battery.randomise(model, np.random.default_rng(0))
    x = tf.zeros([1, 3, 3, 1], tf.int32)
    view = WholeView(x, model.embed)
    h = model.features(view)
    hidden = model.forecaster.hidden(view, h)
    np.testing.assert_array_equal(hidden, model.forecaster.hidden(view, h + 1))


def test_refuses():
    with pytest.raises(ValueError, match="at least 2 levels, got 1"):
        AutoregressiveModel(DataSpec((2, 2, 1), 1, None))
    with pytest.raises(ValueError, match="horizon=0"):
        AutoregressiveModel(
            DataSpec((2, 2, 1), 2, None),
            make_network=small,
            make_forecaster=lambda **k: Forecaster(**k, horizon=0),
        )
