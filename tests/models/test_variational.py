"""Variational autoencoders: likelihoods known otherwise, divergences, posteriors, weights."""

from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from glf.bijectors import IAF, Chain, Planar, Radial
from glf.core import random
from glf.data.dataset import DataSpec
from glf.dequantizers import ELBO, ImportanceWeighted
from glf.evaluation.importance_weights import ImportanceBounds
from glf.families import Bernoulli, DiscretizedLogisticMixture, Gaussian
from glf.models.likelihood_vae import LikelihoodVAE
from glf.models.posteriors import FlowPosterior, GaussianPosterior
from glf.models.reconstruction import LearnedVariance
from glf.models.registry import MODELS
from glf.models.second_stage import SecondStage
from glf.models.two_stage_vae import TwoStageVAE
from glf.models.vae import VAE
from glf.networks.condition_encoders import LabelEmbedding
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.made import MADE
from glf.priors.learned import DiagonalGaussian, GaussianMixture
from glf.priors.standard import StandardNormal

linear = partial(DenseAutoencoder, hidden=())
small = partial(DenseConditioner, hidden=4, num_layers=1, batch_norm=False, zero_init_last=False)
GREY, COINS = DataSpec((2, 3, 1), 9, None), DataSpec((2, 2, 1), 2, None)
DEVIATION = 0.3


def images(spec, num, seed=1):
    x = np.random.default_rng(seed).integers(0, spec.levels, (num, *spec.shape))
    return tf.constant(x, tf.uint8)


def gaussian_loss(h, y):
    """-log N(y; h, DEVIATION^2): the decoder of a linear Gaussian model."""
    return -tf.reduce_sum(
        -0.5 * ((h - y) / DEVIATION) ** 2 - np.log(DEVIATION) - 0.5 * np.log(2 * np.pi), [1, 2, 3]
    )


class LinearGaussian:
    """p(z) = N(0, I), p(y | z) = N(W z + b, DEVIATION^2 I): y is Gaussian, and so is z given y.

    The columns of W are orthogonal, so that the posterior's covariance is diagonal.
    """

    def __init__(self, **options):
        rng = np.random.default_rng(0)
        self.model = VAE(
            GREY,
            latent_size=2,
            make_autoencoder=linear,
            make_reconstruction=lambda: gaussian_loss,
            **options,
        )
        w = np.linalg.qr(rng.normal(size=(6, 2)))[0] * [0.8, 0.3]
        b = rng.uniform(size=6)
        self.model.autoencoder.decoder.set_weights([w.T, b])
        covariance = 1 / (1 + np.sum(w**2, 0) / DEVIATION**2)
        gain = w * covariance / DEVIATION**2
        raw = 7 * np.arctanh(0.5 * np.log(covariance) / 7)
        kernel, bias = np.zeros((6, 4)), np.concatenate([-b @ gain, raw])
        kernel[:, :2] = gain
        self.exact = [kernel, bias]
        self.marginal = stats.multivariate_normal(b, w @ w.T + DEVIATION**2 * np.eye(6))

    def encode_by(self, weights):
        self.model.autoencoder.encoder.set_weights(weights)

    def log_prob(self, x):
        return self.marginal.logpdf(self.model.to_unit(x).numpy().reshape(-1, 6))

    def bound(self, x, make_bound, seed=3):
        self.model.bound = make_bound()
        return -self.model.loss_terms(x, (0, seed), False)["loss"].numpy()


@pytest.fixture(scope="module")
def linear_gaussian():
    return LinearGaussian()


def test_at_the_exact_posterior_every_weight_is_the_likelihood(linear_gaussian):
    x = images(GREY, 5)
    linear_gaussian.encode_by(linear_gaussian.exact)
    expected = linear_gaussian.log_prob(x)
    for k in (1, 3):
        found = linear_gaussian.bound(x, partial(ImportanceWeighted, k))
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    draws = linear_gaussian.model._draws(x, (0, 5), None, False, 4)
    np.testing.assert_allclose(-draws.distortion - draws.kl, [expected] * 4, rtol=1e-4)


def test_bounds_rise_to_the_likelihood(linear_gaussian):
    """ELBO < IW-20 < log p, and with many samples of an inexact posterior the likelihood itself."""
    x, (kernel, bias) = images(GREY, 1), linear_gaussian.exact
    linear_gaussian.encode_by([kernel, bias + np.array((0.4, -0.3, 0.3, 0.2))])
    expected = float(linear_gaussian.log_prob(x))
    many = tf.repeat(x, 200, 0)
    elbo = linear_gaussian.bound(many, ELBO)
    some = linear_gaussian.bound(many, partial(ImportanceWeighted, 20))
    errors = [stats.sem(values) for values in (elbo, some)]
    assert elbo.mean() + 4 * errors[0] < some.mean() - 4 * errors[1] < expected
    np.testing.assert_allclose(linear_gaussian.bound(x, partial(ImportanceWeighted, 20000)),
                               expected, atol=0.05)  # fmt: skip


def test_likelihood_of_integers_against_quadrature():
    """P(x) = ∫ Π_i Bernoulli(x_i; s(w_i z + b_i)) N(z) dz, of all 16 images; they sum to 1."""
    model = LikelihoodVAE(COINS, latent_size=1, make_autoencoder=linear)
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(1, 4)), rng.normal(size=4)
    model.autoencoder.decoder.set_weights([w, b])
    model.autoencoder.encoder.set_weights([0.3 * rng.normal(size=(4, 2)), np.array((0.1, 0.2))])
    x = np.array(list(np.ndindex(2, 2, 2, 2)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    p = special.expit(nodes[:, None] * w + b)
    given = np.prod(np.where(x[:, None], p, 1 - p), -1)
    expected = np.log(given @ weights / np.sqrt(2 * np.pi))
    np.testing.assert_allclose(special.logsumexp(expected), 0, atol=1e-9)
    x = tf.constant(x.reshape(16, 2, 2, 1), tf.uint8)
    log_weights = model.log_weights(x, (0, 1), 20000).numpy()
    found = special.logsumexp(log_weights, 0) - np.log(20000)
    error = np.exp(log_weights - found).std(0) / np.sqrt(20000)
    assert np.all(np.abs(found - expected) < 4 * error)
    assert np.all(log_weights.mean(0) < expected)
    assert model.likelihood == "ELBO"


def test_one_sample_makes_an_importance_weighted_autoencoder_a_vae():
    make_prior = partial(GaussianMixture, 2)
    models = []
    for make_bound in (ELBO, partial(ImportanceWeighted, 1)):
        keras.utils.set_random_seed(0)
        parts = {"make_prior": make_prior, "make_bound": make_bound, "make_autoencoder": linear}
        models.append(LikelihoodVAE(COINS, latent_size=2, **parts))
    x = images(COINS, 6)
    one, other = (model.loss_terms(x, (0, 1), False) for model in models)
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, rtol=1e-6, err_msg=name)


def test_the_divergence_in_closed_form_is_the_mean_over_draws():
    h = tf.constant([[0.5, -1.0, 0.4, -0.8]])
    posterior, prior = GaussianPosterior(2), DiagonalGaussian()
    prior.build((None, 2))
    prior.loc.assign([0.3, 0.2])
    prior.log_scale.assign([-0.4, 0.6])
    z, log_q = posterior.draw(tf.repeat(h, 40000, 0), (0, 1))
    values = (log_q - prior.log_prob(z)).numpy()
    closed = posterior.divergence(h, prior).numpy()[0]
    assert abs(values.mean() - closed) < 4 * stats.sem(values)
    assert stats.sem(values) < 0.02 * closed
    assert posterior.divergence(h, GaussianMixture(2)) is None


BIJECTORS = {
    "planar": partial(Chain, [partial(Planar, small)], repeats=2),
    "radial": partial(Radial, small),
    "iaf": partial(IAF, make_network=partial(MADE, hidden=(6,), zero_init_last=False)),
}


@pytest.mark.parametrize("context", [0, 2])
@pytest.mark.parametrize("name", BIJECTORS)
def test_log_q_of_flow_posteriors_against_the_jacobian(name, context):
    """The mean enters z by way of z_0 alone: dz/dμ is the flow's Jacobian."""
    keras.utils.set_random_seed(1)
    posterior = FlowPosterior(3, make_bijector=BIJECTORS[name], context=context)
    rng = np.random.default_rng(0)
    for weight in posterior.trainable_weights:
        weight.assign_add(0.5 * rng.normal(size=weight.shape))
    values = tf.constant(rng.normal(size=(4, posterior.encoded)), tf.float32)
    mean, others = values[:, :3], values[:, 3:]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(mean)
        z, log_q = posterior.draw(tf.concat([mean, others], 1), (0, 7))
    jacobian = tape.batch_jacobian(z, mean, experimental_use_pfor=False)
    start, log_start = GaussianPosterior(3).draw(values, (0, 7))
    scale = np.exp(7 * np.tanh(others[:, :3].numpy() / 7))
    expected = stats.norm.logpdf(start, mean, scale).sum(1)
    np.testing.assert_allclose(log_start, expected, rtol=1e-5)
    expected -= np.linalg.slogdet(jacobian.numpy())[1]
    np.testing.assert_allclose(log_q, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(log_q - log_start).max() > 0.05
    zero = tf.concat([mean, tf.fill((4, 3), -1e9), others[:, 3:]], 1)
    np.testing.assert_allclose(posterior.centre(values), posterior.draw(zero, (0, 7))[0], atol=1e-2)


def test_weights_of_the_loss():
    x, options = images(GREY, 4), {"latent_size": 2, "make_autoencoder": linear}
    model = VAE(GREY, reconstruction_weight=400.0, kl_weight=3.0, **options)
    terms = model.loss_terms(x, (0, 1), True)
    expected = 400 * terms["reconstruction"] + 3 * terms["kl"]
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-6)
    x, family = images(GREY, 4), partial(DiscretizedLogisticMixture, components=2)
    model = LikelihoodVAE(GREY, make_family=family, kl_weight=3.0, **options)
    terms = model.loss_terms(x, (0, 1), True)
    np.testing.assert_allclose(terms["nll"], terms["reconstruction"] + terms["kl"], rtol=1e-6)
    np.testing.assert_allclose(terms["loss"], terms["nll"] + 2 * terms["kl"], rtol=1e-6)
    assert model.sample(3, 0).numpy().max() < 9
    assert np.all(model.reconstruct_unit(x) <= 1)
    for wrong in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"VAE\.kl_weight must be a positive number, got"):
            VAE(GREY, kl_weight=wrong, **options)
    with pytest.raises(ValueError, match=r"Gaussian is a family of real numbers; take one of int"):
        LikelihoodVAE(GREY, make_family=Gaussian, **options)


def test_learned_variance():
    rng = np.random.default_rng(0)
    h, y = rng.normal(size=(2, 3, 4, 2, 1)).astype(np.float32)
    loss = LearnedVariance(start=0.7)
    expected = -stats.norm.logpdf(y, special.expit(2 * h), 0.7).sum((1, 2, 3))
    np.testing.assert_allclose(loss(h, y), expected, rtol=1e-5)
    loss.log_deviation.assign(0.5 * np.log(np.mean((y - special.expit(2 * h)) ** 2)))
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(loss(h, y))
    assert abs(tape.gradient(mean, loss.log_deviation.value)) < 1e-4
    with pytest.raises(ValueError, match="start must be a positive number, got 0"):
        LearnedVariance(start=0)


@pytest.fixture(scope="module")
def two_stage():
    make_second = partial(SecondStage, make_network=small)
    return TwoStageVAE(GREY, latent_size=2, make_autoencoder=linear, make_second_stage=make_second)


def test_the_second_stage_follows_the_first_and_has_no_influence_on_it(two_stage):
    groups = {name: [w.value for w in ws] for name, ws in two_stage.parameter_groups().items()}
    with tf.GradientTape(persistent=True) as tape:
        terms = two_stage.loss_terms(images(GREY, 4), (0, 1), True)
        first = terms["reconstruction"] + terms["kl"]
        second = terms["second_reconstruction"] + terms["second_kl"]
    np.testing.assert_allclose(terms["loss"], first + second, rtol=1e-6)
    assert tape.gradient(second, groups["autoencoder"]) == [None] * len(groups["autoencoder"])
    assert tape.gradient(first, groups["second_stage"]) == [None] * len(groups["second_stage"])
    assert all(np.any(g != 0) for g in tape.gradient(second, groups["second_stage"]))


def test_the_second_stage_is_a_vae_of_latents(two_stage):
    stage, z = two_stage.second_stage, tf.constant([[0.5, -1.0], [2.0, 0.1]])
    stage.log_deviation.assign(-0.5)
    distortion, kl = stage.loss_terms(z, (0, 4))
    h = stage.encoder(z)
    u, _ = stage.posterior.draw(h, (0, 4))
    expected = -stats.norm.logpdf(z, stage.decoder(u), np.exp(-0.5)).sum(1)
    np.testing.assert_allclose(distortion, expected, rtol=1e-5)
    np.testing.assert_allclose(kl, stage.posterior.divergence(h, stage.prior))
    found = stage.sample(4000, (0, 5)).numpy()
    u = stage.prior.sample(4000, random.fold((0, 5), "u"))
    noise = found - stage.decoder(u).numpy()
    np.testing.assert_allclose(noise.std(0), np.exp(-0.5), rtol=0.1)
    np.testing.assert_allclose(stage.sample(1, (0, 5), 0.0), stage.decoder(tf.zeros((1, 2))))


def test_labels_reach_prior_and_decoder():
    keras.utils.set_random_seed(0)
    spec, make = MODELS["vae_flows"]
    model = make(spec)
    for weight in model.prior.trainable_weights:
        weight.assign(tf.ones_like(weight))
    z = tf.fill((2, 4), 0.3)
    log_p = model.latent_log_prob(z, [0, 1])
    assert log_p[0] != log_p[1]
    h = model._h(z, model._context(tf.constant([0, 1])))
    assert np.any(h[0] != h[1])
    with pytest.raises(ValueError, match="needs conditions"):
        model.decode(z)


def test_samples_of_integers_are_draws_of_the_family():
    """Of a decoder that ignores its latents: coins of its logits; thresholds at temperature 0."""
    make_condition_encoder = partial(LabelEmbedding, size=2)
    spec = DataSpec((2, 2, 1), 2, 3)
    model = LikelihoodVAE(
        spec,
        latent_size=1,
        make_autoencoder=linear,
        make_prior=StandardNormal,
        make_family=Bernoulli,
        make_condition_encoder=make_condition_encoder,
    )
    logits = np.array([-2.0, -0.5, 0.5, 2.0])
    model.autoencoder.decoder.set_weights([np.zeros((3, 4)), logits])
    x = model.sample(4000, 0).numpy().reshape(4000, 4)
    p = special.expit(logits)
    assert np.all(np.abs(x.mean(0) - p) < 4 * np.sqrt(p * (1 - p) / 4000))
    np.testing.assert_array_equal(model.sample(1, 0, 0.0).numpy().ravel(), [0, 0, 1, 1])
    decoded = model._decode(tf.zeros((1, 1)), tf.constant([0]))
    np.testing.assert_allclose(decoded.numpy().ravel(), p, rtol=1e-5)


def test_many_importance_samples_are_drawn_together():
    model = LikelihoodVAE(COINS, latent_size=1, make_autoencoder=linear)
    assert model.draws_at_once == 50
    dataset = SimpleNamespace(
        name="coins",
        num_examples=lambda split: 7,
        eval_batches=lambda split, size: [{"x": images(COINS, 4)}, {"x": images(COINS, 3, 2)}],
    )
    found = ImportanceBounds(model, (1, 120), 4).per_example(dataset, "test")
    assert [len(values) for values in found.values()] == [7, 7]
    seed = random.fold(random.fold(0, "evaluation", "test"), 0)
    parts = [model.log_weights(images(COINS, 4), random.fold(seed, k), 50) for k in range(3)]
    weights = np.concatenate(parts)[:120]
    np.testing.assert_allclose(found["nll_iw1"][:4], -weights.mean(0), rtol=1e-5)
    expected = np.log(120) - special.logsumexp(weights, 0)
    np.testing.assert_allclose(found["nll_iw120"][:4], expected, rtol=1e-5)
