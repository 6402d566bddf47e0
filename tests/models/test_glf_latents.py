"""GLF with noise in its latents, with maps of latents, and with labels that are dropped."""

import math
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import BothHalvesCoupling, Flatten, ImageCoupling, SplineCoupling
from glf.bijectors.chain import Chain
from glf.core import random
from glf.evaluation.base import Subject
from glf.evaluation.fitted_mixtures import Latents
from glf.evaluation.interpolation import interpolations
from glf.evaluation.latent_density import LatentDensity
from glf.evaluation.latent_mixtures import LatentMixtures
from glf.evaluation.reconstruction import Reconstruction
from glf.models.regularized_autoencoder import RegularizedAutoencoder
from glf.models.wae import WAE
from glf.networks.condition_encoders import LabelEmbedding
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.spatial_autoencoder import SpatialAutoencoder
from glf.priors import FittedMixture, Flow, StandardNormal

SIGMA = 0.5
SPATIAL = partial(SpatialAutoencoder, filters=4, blocks=0, downsamplings=2)
COUPLING = partial(
    ImageCoupling, mask="checkerboard", make_conditioner=partial(GlowConditioner, filters=3)
)
MAPS = {"latent_size": 2, "make_autoencoder": SPATIAL, "make_flow": partial(Flow, COUPLING)}
LABELS = {"make_condition_encoder": partial(LabelEmbedding, size=2), "label_drop": 0.5}


@pytest.fixture(scope="module")
def x(digits):
    return tf.constant(digits.examples("train", slice(0, 40))["x"])


@pytest.fixture(scope="module")
def noisy(make_small_glf, digits):
    return make_small_glf(digits.spec, latent_noise=SIGMA, unit_latents=True)


@pytest.fixture(scope="module")
def maps(make_small_glf, digits):
    return make_small_glf(digits.spec, **MAPS, **LABELS)


def test_decoder_and_flow_see_the_same_noisy_latents(noisy, x):
    seed = random.make_seed(3)
    z = noisy.encode(x) + SIGMA * random.normal((40, 4), random.fold(seed, "latents"))
    found = noisy.loss_terms(x, seed, False)
    y = noisy.to_unit(x)
    error = (tf.sigmoid(2 * noisy.autoencoder.decode(z)) - y) ** 2
    np.testing.assert_allclose(found["reconstruction"], tf.reduce_sum(error, (1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(-found["latent_nll"], noisy.latent_log_prob(z), rtol=1e-4)


def test_noise_is_of_the_deviation_that_is_bound(noisy, x):
    z = noisy.encode(x)
    draws = np.stack([noisy.judged_latents(x, seed) - z for seed in range(20)])
    assert draws.std() == pytest.approx(SIGMA, rel=0.05)
    assert abs(draws.mean()) < 4 * SIGMA / math.sqrt(draws.size)
    np.testing.assert_array_equal(noisy.judged_latents(x, 7), noisy.judged_latents(x, 7))


def test_what_is_given_back_is_of_the_mean(noisy, x):
    np.testing.assert_array_equal(noisy.reconstruct(x), noisy.decode(noisy.encode(x)))
    z, back = noisy.round_trip(x)
    assert np.abs(z - noisy.encode(x)).max() > SIGMA
    np.testing.assert_allclose(back, z, rtol=1e-3, atol=1e-3)


def test_unit_latents_have_mean_0_and_variance_1_in_training(make_small_glf, digits, x):
    model = make_small_glf(digits.spec, unit_latents=True)
    z = model._latents(model.to_unit(x), True).numpy()
    np.testing.assert_allclose(z.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(z.std(0), 1.0, rtol=1e-2)
    mean, variance = model.normalisation.weights
    raw = model.autoencoder.encode(model.to_unit(x))
    expected = (raw - mean.value) / tf.sqrt(variance.value + 1e-5)
    np.testing.assert_allclose(model.encode(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_is_measured_of_noisy_latents_says_so(noisy, digits):
    subject = Subject(noisy, digits)
    mse = Reconstruction().measure(subject)["mse"]
    assert mse["meaning"].endswith("latents without the noise that the model adds to them")
    nats = LatentDensity().measure(subject)["latent_nll"]
    assert nats["meaning"].endswith("of latents with noise of standard deviation 0.5")
    found = LatentMixtures((1,)).measure(subject)
    z = subject.once(Latents("test"))
    log_prob = noisy.latent_log_prob(tf.constant(z, tf.float32)).numpy().astype(np.float64)
    assert found["latent_nll_model"]["value"] == pytest.approx(-log_prob.mean(), rel=1e-6)
    # Of the same density as the loss's own noise.
    assert found["latent_nll_model"]["value"] == pytest.approx(nats["value"], rel=0.1)
    train = subject.once(Latents("train"))
    means = np.concatenate(
        [noisy.encode(batch["x"]) for batch in digits.eval_batches("train", 1350)]
    )
    assert (train - means).std() == pytest.approx(SIGMA, rel=0.05)
    does = {s.function.__name__: s.does for s in noisy.export_signatures()}
    assert "noise of standard deviation 0.5, which encode does not add" in does["encode"]
    assert "without the noise" in does["reconstruct"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"latent_noise": -0.1}, "at least 0, got -0.1"),
        ({"latent_noise": 0.1}, "enlarge them until the noise is nothing"),
        ({"label_drop": 0.1}, "of a model with labels"),
        ({**LABELS, "label_drop": 1.0}, "less than 1"),
        (
            {**LABELS, "make_flow": partial(Flow, SplineCoupling)},
            "layers are affine, .* a SplineCoupling with a SplineMap",
        ),
    ],
)
def test_arguments_out_of_range(make_small_glf, digits, wrong, said):
    with pytest.raises(ValueError, match=said):
        make_small_glf(digits.spec, **wrong)


@pytest.mark.slow
def test_maps(maps, digits, x):
    z = maps.encode(x)
    assert z.shape == (40, 2, 2, 2) == (40, *maps.latent_shape)
    labels = tf.constant(digits.examples("train", slice(0, 40))["label"])
    u = maps.to_base(z, labels)
    np.testing.assert_allclose(maps.from_base(u, labels), z, rtol=1e-4, atol=1e-4)
    log_prob = maps.latent_log_prob(z, labels)
    np.testing.assert_allclose(
        -maps.loss_terms(x, (0, 0), False, labels)["latent_nll"], log_prob, rtol=1e-4, atol=1e-4
    )
    assert maps.sample(3, 0).shape == (3, 8, 8, 1)


@pytest.mark.slow
def test_maps_are_interpolated_judged_and_flattened(make_small_glf, digits):
    model = make_small_glf(digits.spec, **MAPS)
    rows = interpolations(model, digits, rows=2, steps=3, seed=7)
    assert rows.shape == (2 * 5, 8, 8, 1)
    ends = model.reconstruct(tf.constant(rows[0:1])).numpy().astype(int)
    assert np.abs(ends - rows[1]).max() <= 1
    subject = Subject(model, digits)
    found = LatentMixtures((2,)).measure(subject)
    assert subject.once(Latents("test")).shape == (297, 8)
    assert found["parameters_mixture_2"]["value"] == 2 * (1 + 8 + 36) - 1
    nats = LatentDensity().measure(subject)
    ratio = nats["latent_nll"]["value"] / nats["latent_nll_per_dim"]["value"]
    assert ratio == pytest.approx(8 * math.log(2))
    flat = make_small_glf(
        digits.spec, **{**MAPS, "make_flow": partial(Flow, partial(Chain, [COUPLING, Flatten]))}
    )
    z = flat.encode(digits.examples("test", slice(0, 3))["x"])
    u = flat.to_base(z)
    assert u.shape == (3, 8)
    np.testing.assert_allclose(flat.from_base(u), z, rtol=1e-4, atol=1e-4)


def test_a_fitted_prior_of_maps_is_that_of_vectors(digits):
    model = RegularizedAutoencoder(
        digits.spec,
        latent_size=2,
        make_autoencoder=SPATIAL,
        make_prior=partial(FittedMixture, 2, examples=100),
        latent_weight=0.1,
    )
    model.refit(digits)
    z = model.encode(digits.examples("test", slice(0, 20))["x"])
    flat = FittedMixture(2, examples=100)
    flat.build((None, 8))
    for weight, value in zip(flat.weights, model.prior.weights, strict=True):
        weight.assign(value)
    rows = tf.reshape(z, (-1, 8))
    np.testing.assert_allclose(model.latent_log_prob(z), flat.log_prob(rows), rtol=1e-5)
    drawn = model.prior.sample(5, 1)
    np.testing.assert_array_equal(tf.reshape(drawn, (5, 8)), flat.sample(5, 1))


def test_models_of_vectors_refuse_maps(digits):
    with pytest.raises(ValueError, match=r"latents of a WAE are vectors, .* maps of shape"):
        WAE(digits.spec, latent_size=2, make_autoencoder=SPATIAL)


def test_labels_are_dropped_in_training_alone(maps, digits):
    labels = tf.constant(digits.examples("train", slice(0, 1000))["label"])
    context = maps._context(labels)
    seed = random.make_seed(5)
    np.testing.assert_array_equal(maps._training_context(labels, seed, False), context)
    dropped = maps._training_context(labels, seed, True).numpy()
    without = np.all(dropped == maps.without_label.numpy(), axis=(1, 2, 3))
    assert 0.45 < without.mean() < 0.55
    np.testing.assert_array_equal(dropped[~without], context.numpy()[~without])
    flow = maps.parameter_groups()["flow"]
    assert any(weight is maps.without_label for weight in flow)


def test_guidance(maps, make_small_glf, digits):
    labels = tf.constant([3, 1, 4, 1, 5])
    plain = maps.sample(5, 2, condition=labels).numpy().astype(int)
    none = maps.sample_guided(5, 2, 0.0, condition=labels).numpy().astype(int)
    assert np.abs(none - plain).max() <= 1
    context = maps._context(labels)
    z = maps.flow.sample_guided(
        5, random.fold(2, 0), 1.0, context, maps._without(context), tf.constant(3.0)
    )
    guided = maps.sample_guided(5, 2, 3.0, condition=labels)
    np.testing.assert_array_equal(guided, maps.decode(z))
    assert np.any(guided != plain)
    for wrong in (-1.0, math.inf):
        with pytest.raises(ValueError, match=f"weight of guidance must be .* got {wrong}"):
            maps.sample_guided(5, 2, wrong)
    with pytest.raises(ValueError, match=r"cannot be guided: .* GLF\.label_drop = 0\.1"):
        make_small_glf(digits.spec).sample_guided(5, 2, 1.0)


@pytest.fixture(scope="module")
def refitted(make_small_glf, digits):
    """A GLF whose flow's base was fitted; its latents have noise."""
    flow = partial(
        Flow,
        partial(
            BothHalvesCoupling,
            make_conditioner=partial(DenseConditioner, hidden=4, batch_norm=False),
        ),
        make_fitted_base=partial(FittedMixture, 3, examples=200),
    )
    model = make_small_glf(digits.spec, make_flow=flow, latent_noise=SIGMA, unit_latents=True)
    assert model.refit(digits)["examples"] == 200
    return model


def test_a_fitted_base_is_fitted_to_base_points(refitted, digits):
    chosen = np.sort(random.numpy_generator("refit").permutation(1350)[:200])
    z = refitted.judged_latents(digits.examples("train", chosen)["x"], random.fold(0, "refit", 0))
    expected = FittedMixture(3, examples=200)
    expected.build((None, 4))
    expected.fit(refitted.to_base(z).numpy())
    for weight, value in zip(refitted.fitted_weights, expected.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value.numpy())


def test_outside_of_training_a_fitted_base_is_the_base(refitted, x):
    z = refitted.judged_latents(x, 1)
    u, log_det = refitted.flow.bijector.inverse_and_log_det(z)
    fitted = refitted.fitted_prior.log_prob(u) + log_det
    np.testing.assert_allclose(refitted.latent_log_prob(z), fitted, rtol=1e-5, atol=1e-5)
    normal = refitted.flow.base.log_prob(u) + log_det
    assert np.abs(fitted - normal).max() > 0.1
    trained = refitted.inner_loss("flow", z, random.make_seed(0))
    u, log_det = refitted.flow.bijector.inverse_and_log_det(z, None, True)
    np.testing.assert_allclose(
        -trained, refitted.flow.base.log_prob(u) + log_det, rtol=1e-4, atol=1e-4
    )
    drawn = refitted.fitted_prior.sample(6, random.fold(2, 0))
    np.testing.assert_array_equal(refitted.sample(6, 2), refitted.decode(refitted.from_base(drawn)))


def test_a_fitted_base_is_one_that_is_fitted():
    with pytest.raises(ValueError, match="such as FittedMixture; got a StandardNormal of float32"):
        Flow(make_fitted_base=StandardNormal)
