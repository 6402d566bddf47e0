"""The evaluator: every example once, whatever the batch size."""

import numpy as np
import pytest
import tensorflow as tf

from glf.core.shares import meeting
from glf.data.make import make_dataset
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate, outcome
from glf.evaluation.likelihood import bits_per_dim
from glf.evaluation.loss_terms import MeanLossTerms
from glf.models.abilities import HasDensity
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_integers


@pytest.fixture(scope="module")
def plain_means(glf, digits):
    x = digits.examples("test", slice(None))["x"]
    return {
        name: float(values.numpy().astype(np.float64).mean())
        for name, values in glf.loss_terms(tf.constant(x), (0, 0), training=False).items()
    }


@pytest.mark.parametrize("batch_size", [7, 99, 297, 400])
def test_means_are_plain_means_over_the_split(glf, digits, plain_means, batch_size):
    found = MeanLossTerms(glf, batch_size)(digits, "test")
    assert list(found) == list(plain_means)
    for name, value in found.items():
        assert value == pytest.approx(plain_means[name], rel=1e-6)


def test_metrics(glf, digits, plain_means):
    metrics = evaluate(glf, digits, "test", batch_size=100)
    assert list(metrics) == [
        *("loss", "reconstruction", "latent_nll", "latent_nll_per_dim"),
        *("mse", "psnr", "ssim", "round_trip_largest", "round_trip_mean"),
        *("parameters", "examples"),
    ]
    assert metrics["round_trip_mean"]["value"] < metrics["round_trip_largest"]["value"] < 1e-4
    about = "largest error: latents of 256 examples to base noise and back"
    assert metrics["round_trip_largest"]["meaning"] == about
    assert metrics["loss"]["value"] == pytest.approx(plain_means["loss"], rel=1e-6)
    assert metrics["latent_nll"]["unit"] == "nats"
    assert metrics["latent_nll"]["meaning"] == glf.meanings["latent_nll"]
    bits = plain_means["latent_nll"] / np.log(2) / 4
    assert metrics["latent_nll_per_dim"]["value"] == pytest.approx(bits, rel=1e-6)
    # The reconstruction term is the summed squared error of 64 pixels.
    mse = plain_means["reconstruction"] / 64
    assert metrics["mse"]["value"] == pytest.approx(mse, rel=1e-5)
    assert metrics["examples"]["value"] == 297
    assert metrics["parameters"]["value"] == sum(w.numpy().size for w in glf.trainable_weights)
    x = digits.examples("test", slice(None))["x"]
    error = (glf.reconstruct_unit(tf.constant(x)).numpy() - x / 16.0) ** 2
    psnr = -10 * np.log10(error.mean((1, 2, 3))).mean()
    assert metrics["psnr"]["value"] == pytest.approx(psnr, rel=1e-5)
    assert all({"value", "unit", "meaning"} == set(m) - {"better"} for m in metrics.values())
    directions = {name: m.get("better") for name, m in metrics.items()}
    assert directions.pop("examples") is directions.pop("parameters") is None
    assert directions.pop("psnr") == directions.pop("ssim") == "higher"
    assert set(directions.values()) == {"lower"}


def test_another_split(glf, digits):
    assert evaluate(glf, digits, "validation")["examples"]["value"] == 150


def test_an_empty_split(glf):
    empty = make_dataset("digits", validation_examples=0)
    with pytest.raises(ValueError, match="'validation' of digits is empty"):
        evaluate(glf, empty, "validation")


def test_a_model_without_latents_has_only_its_loss(digits):
    class Constant(GenerativeModel):
        def _loss_terms(self, x, seed, training, condition):
            return {"loss": tf.reduce_mean(self.to_unit(x), [1, 2, 3])}

        def _draw(self, num, seed, temperature, condition):
            return drawn_integers(tf.zeros([num, *self.spec.shape], tf.uint8))

        def parameter_groups(self):
            return {}

    metrics = evaluate(Constant(digits.spec), digits)
    assert list(metrics) == ["loss", "parameters", "examples"]
    x = digits.examples("test", slice(None))["x"]
    assert metrics["loss"]["value"] == pytest.approx(x.mean() / 16, rel=1e-6)


@pytest.mark.parametrize("likelihood", ["exact", "importance-weighted bound, K = 8"])
def test_a_likelihood_is_named_and_in_bits_per_dimension(digits, likelihood):
    class Uniform(GenerativeModel, HasDensity):
        """Each of the 64 values is one of 17, all the same."""

        def _loss_terms(self, x, seed, training, condition):
            nll = tf.fill(tf.shape(x)[:1], 64 * tf.math.log(17.0))
            return {"loss": 2 * nll, "nll": nll}

        def _draw(self, num, seed, temperature, condition):
            return drawn_integers(tf.zeros([num, *self.spec.shape], tf.uint8))

        def parameter_groups(self):
            return {}

    model = Uniform(digits.spec)
    model.likelihood = likelihood
    metrics = evaluate(model, digits)
    assert list(metrics) == ["loss", "nll", "bits_per_dim", "parameters", "examples"]
    assert metrics["nll"]["value"] == pytest.approx(64 * np.log(17), rel=1e-6)
    assert metrics["nll"]["unit"] == "nats"
    assert metrics["bits_per_dim"]["value"] == pytest.approx(np.log2(17), rel=1e-6)
    assert metrics["bits_per_dim"]["unit"] == "bits"
    for name in ("nll", "bits_per_dim"):
        assert metrics[name]["meaning"].endswith(likelihood)


def test_bits_per_dim():
    nats = np.array([0.0, 3 * 4 * 3 * np.log(2), 1.0])
    np.testing.assert_allclose(bits_per_dim(nats, (3, 4, 3)), [0, 1, 1 / (36 * np.log(2))])


def test_what_two_processes_measure_together_is_what_one_measures(glf, digits, tmp_path):
    only = ("reconstruction", "cost")  # no process makes a part of the second
    whole = outcome(Subject(glf, digits, batch_size=100), only)
    # The second one measures what can be shared, and the first one finds that made.
    for number, made in ((1, 3), (0, 0)):
        with meeting(tmp_path, number, 2) as shares:
            found = outcome(Subject(glf, digits, batch_size=100, shares=shares), only)
            assert shares.made == made
        if number:
            assert list(found.metrics) == ["mse", "psnr", "ssim"]
        else:
            assert found == whole
