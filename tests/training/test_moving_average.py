"""The moving average against its equation."""

import keras
import numpy as np
import pytest

from glf.training.moving_average import MovingAverage


@pytest.fixture
def model():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    model.add_weight(name="integer", shape=(), dtype="int32", initializer="ones", trainable=False)
    return model


def values(model):
    return [w.numpy() for w in model.weights if w.dtype == "float32"]


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_equation(model, decay):
    average = MovingAverage(model, decay)
    expected = values(model)
    generator = np.random.default_rng(1)
    for step in range(5):
        for weight in model.weights:
            if weight.dtype == "float32":
                weight.assign(generator.normal(size=weight.shape))
        average.update(step)
        keep = min(decay, (1 + step) / (10 + step))
        expected = [keep * e + (1 - keep) * v for e, v in zip(expected, values(model), strict=True)]
    assert len(average.averages) == 6
    for held, wanted in zip(average.averages, expected, strict=True):
        np.testing.assert_allclose(held.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_installed_puts_the_weights_back(model):
    average = MovingAverage(model, 0.9)
    averaged = values(model)
    for weight in model.weights:
        weight.assign(weight + 1)
    trained = values(model)

    def use():
        with average.installed():
            for now, wanted in zip(values(model), averaged, strict=True):
                np.testing.assert_array_equal(now, wanted)
            raise RuntimeError("in use")

    with pytest.raises(RuntimeError, match="in use"):
        use()
    for now, wanted in zip(values(model), trained, strict=True):
        np.testing.assert_array_equal(now, wanted)
    average.install()
    for now, wanted in zip(values(model), averaged, strict=True):
        np.testing.assert_array_equal(now, wanted)
    assert [w.numpy() for w in model.weights if w.dtype == "int32"] == [2]


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5, float("nan")])
def test_decay_out_of_range(model, decay):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\)"):
        MovingAverage(model, decay)
