"""The discrete autoencoder: its objective, who learns from what, its codes and samples."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive import AutoregressiveModel, Forecaster, OneHot
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.evaluation.evaluate import evaluate
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.quantizers import ArgmaxStraightThrough, GumbelSoftmax, VectorQuantizer
from glf.networks.condition_encoders import Downsampled, LabelEmbedding
from glf.networks.spatial_autoencoder import SpatialAutoencoder
from glf.samplers import Ancestral

QUANTIZERS = {
    "argmax": partial(ArgmaxStraightThrough, channels=2, categories=6),
    "gumbel": partial(GumbelSoftmax, channels=2, categories=6),
    "vectors": partial(VectorQuantizer, categories=6, size=3),
}
PRIOR = partial(
    AutoregressiveModel,
    make_network=partial(PixelCNN, filters=8, blocks=1, head=8, first_kernel=3),
    make_embedding=OneHot,
)


def make(spec, quantizer="argmax", prior=PRIOR, **changes):
    keras.utils.set_random_seed(3)
    sizes = {"filters": 8, "blocks": 1, "downsamplings": 2}
    model = DiscreteAutoencoder(
        spec,
        make_quantizer=QUANTIZERS[quantizer],
        make_autoencoder=partial(SpatialAutoencoder, **sizes),
        make_prior=prior,
        **changes,
    )
    generator = np.random.default_rng(3)
    parts = [model.prior, *([model.condition_encoder] if model.condition_encoder else [])]
    for weight in (w for part in parts for w in part.weights):
        weight.assign(weight + generator.normal(scale=0.3, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model(digits):
    return make(digits.spec)


@pytest.fixture(scope="module")
def x(digits):
    return tf.constant(digits.examples("train", slice(0, 12))["x"])


@pytest.mark.slow
@pytest.mark.parametrize("name", QUANTIZERS)
def test_objective(digits, x, name):
    model = make(digits.spec, name, beta=3.0)
    found = {k: v.numpy() for k, v in model.loss_terms(x, (0, 0), False).items()}
    commitment = ["commitment"] if name == "vectors" else []
    assert list(found) == ["loss", "reconstruction", *commitment, "prior_nll"]
    assert {v.shape for v in found.values()} == {(12,)}
    y, codes = x.numpy() / 16, model.encode(x)
    h = model.autoencoder.decode(model.quantizer.from_codes(codes)).numpy()
    error = ((1 / (1 + np.exp(-2 * h)) - y) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(found["reconstruction"], error, rtol=1e-4)
    np.testing.assert_allclose(found["prior_nll"], -model.latent_log_prob(codes), rtol=1e-4)
    total = 3 * found["reconstruction"] + found["prior_nll"] + sum(found[c] for c in commitment)
    np.testing.assert_allclose(found["loss"], total, rtol=1e-5)
    np.testing.assert_allclose(
        model.reconstruct_unit(x).numpy(), 1 / (1 + np.exp(-2 * h)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", QUANTIZERS)
def test_who_learns_from_what(digits, x, name):
    model = make(digits.spec, name, partial(PRIOR, make_forecaster=partial(Forecaster, filters=4)))
    groups = model.parameter_groups()
    assert set(groups) == {"autoencoder", "prior", "forecaster"}
    grouped = [id(w) for group in groups.values() for w in group]
    assert sorted(grouped) == sorted(id(w) for w in model.trainable_weights)

    def gradients(term, group):
        weights = [w.value for w in groups[group]]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model.loss_terms(x, (0, 0), True)[term])
        return tape.gradient(loss, weights)

    for group in groups:
        found = gradients("loss", group)
        assert all(np.isfinite(g).all() for g in found)
        assert np.mean([np.abs(g).max() > 0 for g in found]) > 0.8
    assert all(g is None for g in gradients("prior_nll", "autoencoder"))
    assert all(g is None for g in gradients("reconstruction", "prior"))
    assert all(g is None for g in gradients("forecast", "prior"))


@pytest.mark.slow
@pytest.mark.parametrize("name", QUANTIZERS)
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_encode_decode_reconstruct(digits, name, rows):
    model = make(digits.spec, name)
    x = tf.constant(digits.examples("train", slice(0, rows))["x"])
    codes = model.encode(x)
    assert model.latent_spec.is_compatible_with(codes)
    assert codes.shape == (rows, *model.code_shape)
    assert model.code_shape == (2, 2, 1 if name == "vectors" else 2)
    decoded = model.decode(codes).numpy()
    assert decoded.dtype == np.uint8
    assert decoded.shape == (rows, 8, 8, 1)
    np.testing.assert_array_equal(model.reconstruct(x), decoded)


@pytest.mark.slow
def test_samples_are_decoded_codes(model):
    images = model.sample(6, seed=2)
    assert images.dtype == tf.uint8
    assert images.shape == (6, 8, 8, 1)
    codes = model.sample_with(Ancestral(), 6, 2)
    assert codes.x.shape == (6, 2, 2, 2)
    assert len(np.unique(codes.x.numpy())) > 3
    np.testing.assert_array_equal(images, model.decode(codes.x))


@pytest.mark.slow
def test_a_prior_conditioned_on_labels(digits, x):
    model = make(digits.spec, make_condition_encoder=partial(LabelEmbedding, size=4))
    assert model.condition_kind == "label"
    codes, label = model.encode(x), tf.range(12) % 10
    terms = model.loss_terms(x, (0, 0), False, condition=label)
    found = model.latent_log_prob(codes, label)
    np.testing.assert_allclose(terms["prior_nll"], -found.numpy(), rtol=1e-4)
    assert (np.abs(model.latent_log_prob(codes, (label + 1) % 10) - found) > 1e-4).all()
    in_turn = model.sample(12, seed=1).numpy()
    np.testing.assert_array_equal(
        in_turn, model.sample(12, seed=1, condition=label.numpy().tolist())
    )


def test_conditions_it_cannot_have(digits, model):
    with pytest.raises(ValueError, match="on labels, not on images"):
        make(digits.spec, make_condition_encoder=Downsampled)
    with pytest.raises(ValueError, match="takes no condition"):
        model.sample(2, seed=0, condition=[0, 1])


def test_beta_must_be_positive(digits):
    with pytest.raises(ValueError, match=r"beta must be positive, got 0\.0"):
        make(digits.spec, beta=0.0)


def test_metrics(model, digits):
    metrics = evaluate(model, digits, "test", batch_size=100)
    assert list(metrics) == [
        *("loss", "reconstruction", "prior_nll", "mse", "psnr", "ssim"),
        *("code_usage", "code_perplexity", "parameters", "examples"),
    ]
    codes = model.encode(tf.constant(digits.examples("test", slice(None))["x"])).numpy()
    p = np.stack([np.bincount(codes[..., c].ravel(), minlength=6) for c in range(2)]) / 297 / 4
    assert metrics["code_usage"]["value"] == pytest.approx((p > 0).mean())
    terms = np.where(p > 0, p * np.log(np.maximum(p, 1e-9)), 0)
    assert metrics["code_perplexity"]["value"] == pytest.approx(np.exp(-terms.sum(1)).mean())
