"""Importance-weighted bounds over a split: known weights, every example once, tighter with K."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import Chain, ImageCoupling, InvertibleConv1x1, Logit
from glf.core import random
from glf.data.make import make_dataset
from glf.evaluation.evaluate import evaluate
from glf.evaluation.importance_weights import ImportanceBounds, importance_weighted
from glf.models.abilities import HasBounds
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_integers
from glf.models.pixel_flow import PixelFlow
from glf.networks.condition_encoders import LabelEmbedding
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors import MultiScale


def test_known_weights():
    """Means of weights over disjoint groups, then of their logarithms."""
    weights = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0], [7.0, 2.0], [100.0, 2.0]])
    expected = {
        1: np.log(weights[:, 0]).mean(),
        2: np.log([2, 6]).mean(),  # the fifth is left over
        3: np.log(3),
        4: np.log(4),
        5: np.log(116 / 5),
    }
    for k, value in expected.items():
        np.testing.assert_allclose(importance_weighted(np.log(weights), k), [value, np.log(2)])


def test_no_weight_is_too_small_or_large():
    log_weights = np.array([[-5000.0, 3000.0], [-5001.0, 0.0]])
    found = importance_weighted(log_weights, 2)
    np.testing.assert_allclose(found, [-5000 + np.log((1 + np.exp(-1)) / 2), 3000 - np.log(2)])


class Noisy(GenerativeModel, HasBounds):
    """log w = -mean(x) + σ ε - σ²/2, plus the label if there is one: IW-∞ is -mean(x)."""

    def __init__(self, spec, scale=0.0, labels=False):
        super().__init__(spec)
        self.scale = scale
        if labels:
            self.condition_encoder = LabelEmbedding(spec, size=1)
        self.built = True

    def _log_weights(self, x, seed, num_samples, condition, training):
        noise = random.normal([num_samples, x.shape[0]], seed)
        mean = tf.reduce_mean(tf.cast(x, tf.float32), axis=(1, 2, 3))
        label = 0.0 if condition is None else tf.cast(condition, tf.float32)
        return self.scale * noise - self.scale**2 / 2 - mean + label

    def _loss_terms(self, x, seed, training, condition):
        nll = -self.log_weights(x, seed, 1, condition)[0]
        return {"loss": nll, "nll": nll}

    def _draw(self, num, seed, temperature, condition):
        return drawn_integers(tf.zeros([num, *self.spec.shape], tf.uint8))

    def parameter_groups(self):
        return {}


@pytest.mark.parametrize("batch_size", [7, 99, 400])
def test_every_example_is_counted_once(digits, batch_size):
    """Also those of a last batch that is filled up."""
    x, label = digits.examples("test", slice(None)).values()
    means = x.reshape(297, -1).mean(1)
    found = ImportanceBounds(Noisy(digits.spec), (4, 1, 4), batch_size)
    measured = found(digits, "test")
    assert list(measured) == ["nll_iw1", "nll_iw4"]
    assert measured["nll_iw1"] == pytest.approx(means.mean(), rel=1e-6)
    assert measured["nll_iw4"] == pytest.approx(means.mean(), rel=1e-6)
    labelled = ImportanceBounds(Noisy(digits.spec, labels=True), [1], batch_size)
    each = labelled.per_example(digits, "test")["nll_iw1"]
    np.testing.assert_allclose(each, means - label, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_log_normal_weights(digits):
    """σ = 1: ELBO -1/2; IW-K by the exact moments of many draws."""
    bounds = ImportanceBounds(Noisy(digits.spec, 1.0), (1, 4, 16), 100)
    each = bounds.per_example(digits, "train")
    noise = np.random.default_rng(0).normal(size=(16, 200_000)) - 0.5
    x = digits.examples("train", slice(None))["x"]
    means = x.reshape(len(x), -1).mean(1)
    for k in (1, 4, 16):
        exact = importance_weighted(noise, k).mean()
        found = means - each[f"nll_iw{k}"]
        error = found.std() / len(found) ** 0.5
        assert error < 0.02
        assert abs(found.mean() - exact) < 4 * error
    again = ImportanceBounds(Noisy(digits.spec, 1.0), (16,), 100)
    np.testing.assert_array_equal(again.per_example(digits, "train")["nll_iw16"], each["nll_iw16"])
    other = bounds.per_example(digits, "train", seed=1)
    assert np.all(other["nll_iw16"] != each["nll_iw16"])


@pytest.fixture(scope="module")
def pixels():
    """The middle of each digit, 4 x 4 pixels, and a small flow with random weights."""
    dataset = make_dataset("digits", crop=4)
    keras.utils.set_random_seed(5)
    coupling = partial(ImageCoupling, make_conditioner=partial(GlowConditioner, filters=4))
    step = partial(Chain, [InvertibleConv1x1, coupling], repeats=2)
    density = partial(MultiScale, step, 1, make_preprocessing=partial(Logit, 0.05))
    model = PixelFlow(dataset.spec, make_density=density)
    generator = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign_add(0.3 * generator.normal(size=weight.shape))
    return model, dataset


@pytest.mark.slow
def test_more_weights_are_no_worse(pixels):
    model, dataset = pixels
    each = ImportanceBounds(model, (1, 2, 4, 16), 150).per_example(dataset, "test")
    gains = []
    for few, many in ((1, 2), (2, 4), (4, 16)):
        gain = each[f"nll_iw{few}"] - each[f"nll_iw{many}"]
        assert gain.mean() > -4 * gain.std() / len(gain) ** 0.5
        gains.append(gain.mean())
    assert sum(gains) > 0.05
    # IW-1 is the ELBO that was trained, with other noise.
    elbo = evaluate(model, dataset, batch_size=150)["nll"]["value"]
    error = each["nll_iw1"].std() / len(each["nll_iw1"]) ** 0.5
    assert each["nll_iw1"].mean() == pytest.approx(elbo, abs=4 * error)


ROUND_TRIP = ("round_trip_largest", "round_trip_mean", "round_trip_recovered")


def test_the_evaluators_names(pixels):
    model, dataset = pixels
    metrics = evaluate(model, dataset, "validation", importance_samples=[2, 1])
    assert list(metrics) == [
        *("loss", "nll", "bits_per_dim", "nll_iw1", "bits_per_dim_iw1"),
        *("nll_iw2", "bits_per_dim_iw2", *ROUND_TRIP, "layer_round_trip", "parameters", "examples"),
    ]
    assert metrics["nll"]["meaning"] == "-log P(x) of the integers x, ELBO"
    assert metrics["bits_per_dim"]["meaning"] == "nll / (log 2 * 4x4x1), ELBO"
    assert "the ELBO" in metrics["nll_iw1"]["meaning"]
    assert "the importance-weighted bound with K = 2" in metrics["nll_iw2"]["meaning"]
    for k in (1, 2):
        nats, bits = metrics[f"nll_iw{k}"], metrics[f"bits_per_dim_iw{k}"]
        assert (nats["unit"], bits["unit"]) == ("nats", "bits")
        assert bits["value"] == pytest.approx(nats["value"] / (16 * np.log(2)))
    assert metrics["nll_iw2"]["value"] < metrics["nll_iw1"]["value"]


def test_refusals(glf, digits):
    with pytest.raises(ValueError, match="known by bounds; a GLF is none"):
        evaluate(glf, digits, importance_samples=[1])
    for numbers in ([0, 4], [-1], []):
        with pytest.raises(ValueError, match="must be at least 1, got"):
            ImportanceBounds(Noisy(digits.spec), numbers)
