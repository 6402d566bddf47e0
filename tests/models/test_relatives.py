"""Relatives of GLF on an autoencoder: their losses, by their definitions, and fitted priors."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from glf.core import random
from glf.data.dataset import DataSpec
from glf.models.glf import GLF
from glf.models.regularized_autoencoder import RegularizedAutoencoder
from glf.models.wae import SCALES, WAE, mmd
from glf.networks.condition_encoders import Downsampled, LabelEmbedding, OneHotLabels
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.priors import DiagonalGaussian, FittedGaussian, FittedMixture

SPEC = DataSpec((4, 4, 1), 17, 3)
DENSE = partial(DenseAutoencoder, hidden=(6,))
PARTS = {"latent_size": 3, "make_autoencoder": DENSE}


@pytest.fixture(scope="module")
def x():
    return tf.constant(np.random.default_rng(0).integers(0, 17, (6, 4, 4, 1)), tf.uint8)


def regularized(**changes):
    keras.utils.set_random_seed(0)
    return RegularizedAutoencoder(SPEC, **{**PARTS, "make_prior": FittedGaussian, **changes})


def test_a_plain_autoencoder_minimises_its_reconstruction(x):
    model = regularized()
    terms = model.loss_terms(x, (0, 1), True)
    assert list(terms) == ["loss", "reconstruction"]
    np.testing.assert_array_equal(terms["loss"], terms["reconstruction"])
    assert list(model.parameter_groups()) == ["autoencoder"]


def test_each_regularizer_by_its_definition(x):
    weights = {"latent_weight": 0.3, "decoder_weight": 0.02, "gradient_weight": 0.5}
    model = regularized(**weights)
    z = model.encode(x)
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = tf.sigmoid(2.0 * model.autoencoder.decode(z))
    jacobian = tape.batch_jacobian(y, z).numpy().reshape(len(x), -1, 3)
    decoder = sum(np.sum(w.numpy() ** 2) for w in model.autoencoder.decoder.trainable_weights)
    terms = model.loss_terms(x, (0, 1), False)
    np.testing.assert_allclose(terms["latent_norm"], np.sum(z.numpy() ** 2, 1) / 2, rtol=1e-5)
    np.testing.assert_allclose(terms["decoder_norm"], np.full(len(x), decoder), rtol=1e-5)
    total = terms["reconstruction"] + 0.3 * terms["latent_norm"] + 0.02 * terms["decoder_norm"]
    np.testing.assert_allclose(terms["loss"], total + 0.5 * terms["jacobian_norm"], rtol=1e-5)

    @tf.function(autograph=False)
    def estimate(i):
        return model.loss_terms(x, random.fold((0, 0), i), False)["jacobian_norm"]

    found = np.stack([estimate(i) for i in tf.range(400)])
    error = found.std(0) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(0) - np.sum(jacobian**2, (1, 2))) < 4 * error)


def test_a_trained_prior_follows_and_does_not_pull(x):
    model = regularized(make_prior=DiagonalGaussian, latent_weight=0.1)
    assert list(model.parameter_groups()) == ["autoencoder", "prior"]
    with tf.GradientTape(persistent=True) as tape:
        terms = model.loss_terms(x, (0, 1), True)
        total = {name: tf.reduce_sum(value) for name, value in terms.items()}
    np.testing.assert_allclose(
        terms["loss"],
        terms["reconstruction"] + 0.1 * terms["latent_norm"] + terms["latent_nll"],
        rtol=1e-6,
    )
    encoder = [w.value for w in model.autoencoder.encoder.trainable_weights]
    assert all(g is None for g in tape.gradient(total["latent_nll"], encoder))
    assert tape.gradient(total["loss"], model.prior.loc.value) is not None
    assert model.fitted_weights == []
    assert model.refit(None) is None


@pytest.fixture(scope="module")
def fitted(digits):
    """A conditional autoencoder of the digits, fitted to 200 of them."""
    keras.utils.set_random_seed(0)
    prior = partial(FittedMixture, 2, examples=200)
    parts = {"make_prior": prior, "make_condition_encoder": OneHotLabels}
    model = RegularizedAutoencoder(digits.spec, **{**PARTS, **parts})
    return model, model.refit(digits)


def test_the_prior_is_fitted_to_the_latents_of_each_class(fitted, digits):
    model, report = fitted
    assert report["examples"] == 200
    chosen = np.sort(random.numpy_generator("refit").permutation(1350)[:200])
    batch = digits.examples("train", chosen)
    z = model.encode(batch["x"])
    nats = -np.mean(model.latent_log_prob(z, batch["label"]))
    np.testing.assert_allclose(report["nats"], nats, rtol=1e-5)
    other = -np.mean(model.latent_log_prob(z, (batch["label"] + 1) % 10))
    assert nats < other - 1.0


def test_fitting_again_gives_the_same_bits(fitted, digits):
    model, report = fitted
    values = [weight.numpy() for weight in model.fitted_weights]
    assert len(values) == 4
    assert model.refit(digits) == report
    for weight, value in zip(model.fitted_weights, values, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_wae_is_reconstruction_and_mmd(x):
    model = WAE(SPEC, **PARTS, mmd_weight=7.0)
    terms = model.loss_terms(x, (0, 1), False)
    expected = terms["reconstruction"] + 7.0 * terms["mmd"]
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-5)
    noise = random.normal((6, 3), random.fold((0, 1), "prior"))
    np.testing.assert_allclose(terms["mmd"], np.full(6, mmd(model.encode(x), noise)), rtol=1e-4)
    z = np.zeros((1, 3), np.float32)
    density = multivariate_normal(np.zeros(3)).logpdf(z)
    np.testing.assert_allclose(model.latent_log_prob(z), [density], rtol=1e-5)


@pytest.mark.parametrize("labels", [None, [0, 1, 1, 0, 2]])
def test_mmd_by_a_double_loop(labels):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 3)).astype(np.float32)

    def kernel(u, v, i, j):
        same = labels is None or labels[i] == labels[j]
        square = float(np.sum((u[i] - v[j]) ** 2))
        return same * sum(6 * s / (6 * s + square) for s in SCALES)

    pairs = [(i, j) for i in range(5) for j in range(5)]
    within = sum(kernel(u, u, i, j) for u in (a, b) for i, j in pairs if i != j) / 20
    between = 2 * sum(kernel(a, b, i, j) for i, j in pairs) / 25
    found = mmd(tf.constant(a), tf.constant(b), None if labels is None else tf.constant(labels))
    np.testing.assert_allclose(found, within - between, rtol=1e-5)


def test_mmd_is_unbiased_and_sees_a_shift():
    draws = tf.constant(np.random.default_rng(0).normal(size=(200, 2, 50, 2)), tf.float32)
    compiled = tf.function(mmd, autograph=False)
    equal = np.array([compiled(a, b) for a, b in draws])
    assert abs(equal.mean()) < 4 * equal.std() / np.sqrt(200)
    shifted = np.array([compiled(a, b + 1.0) for a, b in draws[:20]])
    assert shifted.min() > equal.max()


def test_wae_gives_labels_to_its_decoder(x):
    model = WAE(SPEC, **PARTS, make_condition_encoder=partial(LabelEmbedding, size=2))
    assert model.conditional_reconstruction
    z = model.encode(x, condition=[0] * 6)
    assert np.any(model.decode(z, condition=[0] * 6) != model.decode(z, condition=[1] * 6))
    with pytest.raises(ValueError, match="needs conditions"):
        model.decode(z)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (partial(regularized, latent_weight=-1.0), "latent_weight=-1.0"),
        (partial(regularized, make_condition_encoder=LabelEmbedding), "@OneHotLabels, got LabelE"),
        (
            partial(regularized, make_prior=DiagonalGaussian, make_condition_encoder=OneHotLabels),
            "DiagonalGaussian is the same for all",
        ),
        (partial(WAE, SPEC, **PARTS, mmd_weight=0.0), "WAE.mmd_weight must be positive, got 0.0"),
        (partial(WAE, SPEC, latent_size=0), "WAE.latent_size must be at least 1, got 0"),
        (
            partial(GLF, SPEC, make_condition_encoder=partial(Downsampled, factor=2)),
            "latents of a GLF can be conditioned on labels, not on images",
        ),
    ],
)
def test_what_cannot_be(make, said):
    with pytest.raises(ValueError, match=said):
        make()
