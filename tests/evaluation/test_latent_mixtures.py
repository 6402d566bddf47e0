"""Mixtures of Gaussians beside a model's own density of its latents."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from conftest import small_glf
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from glf.core import random
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate
from glf.evaluation.features import Samples
from glf.evaluation.fitted_mixtures import Latents, Mixture, MixtureByLabel, labels_of
from glf.evaluation.latent_mixtures import LatentMixtures
from glf.models.abilities import HasCodes
from glf.networks.condition_encoders import OneHotLabels

FEATURES = {"feature_samples": 40, "feature_extractor": ("pixels",)}


@pytest.fixture(scope="module")
def shown():
    return {}


@pytest.fixture(scope="module")
def subject(glf, digits, shown):
    return Subject(glf, digits, show=shown.__setitem__)


@pytest.fixture(scope="module")
def found(subject):
    return LatentMixtures((1, 3), **FEATURES).measure(subject)


def test_names(found):
    densities = ("model", "mixture_1", "mixture_3")
    nats = [f"{m}_{d}" for d in densities for m in ("latent_nll", "latent_nll_train", "parameters")]
    assert list(found) == nats + [f"fid_pixels_{density}" for density in densities]


def test_the_model_is_judged_by_its_own_log_density(glf, digits, found):
    for split, name in (("test", "latent_nll_model"), ("train", "latent_nll_train_model")):
        x = tf.constant(digits.examples(split, slice(None))["x"])
        log_prob = glf.latent_log_prob(glf.encode(x)).numpy().astype(np.float64)
        assert found[name]["value"] == pytest.approx(-log_prob.mean(), rel=1e-6)
    flow = sum(np.prod(w.shape) for w in glf.parameter_groups()["flow"])
    assert found["parameters_model"]["value"] == flow


def test_a_single_gaussian_is_the_moments_of_the_training_latents(subject, found):
    train, test = (subject.once(Latents(split)) for split in ("train", "test"))
    gaussian = multivariate_normal(train.mean(0), np.cov(train.T, bias=True) + 1e-6 * np.eye(4))
    for z, name in ((test, "latent_nll_mixture_1"), (train, "latent_nll_train_mixture_1")):
        assert found[name]["value"] == pytest.approx(-gaussian.logpdf(z).mean(), rel=1e-6)
    assert found["parameters_mixture_1"]["value"] == 4 + 10


def test_a_mixture_is_a_sum_of_gaussians(subject, found):
    z, mixture = subject.once(Latents("test")), subject.once(Mixture(3)).mixtures[0]
    parts = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(z)
        for weight, mean, covariance in zip(
            mixture.weights_, mixture.means_, mixture.covariances_, strict=True
        )
    ]
    nll = -logsumexp(parts, axis=0).mean()
    assert found["latent_nll_mixture_3"]["value"] == pytest.approx(nll, rel=1e-6)
    assert found["parameters_mixture_3"]["value"] == 2 + 3 * (4 + 10)


def test_distances_are_those_of_fid(glf, digits, found):
    fid = evaluate(glf, digits, only=["fid"], **FEATURES)["fid_pixels"]["value"]
    assert found["fid_pixels_model"]["value"] == pytest.approx(fid)
    values = {found[f"fid_pixels_{d}"]["value"] for d in ("model", "mixture_1", "mixture_3")}
    assert len(values) == 3


def test_samples_of_a_mixture(subject, found, shown):
    images = subject.once(Mixture(3)).images(subject, 40)
    assert images.shape == (40, 8, 8, 1)
    assert images.dtype == np.uint8
    assert set(shown) == {"samples_mixture_1", "samples_mixture_3"}


def test_without_features_there_are_nats_alone(glf, digits):
    found = evaluate(glf, digits, only=["latent_mixtures"], components=(1,))
    assert not any(name.startswith("fid") for name in found)
    assert len(found) == 6


def test_refusals(glf, digits):
    with pytest.raises(ValueError, match=r"components=2000 asks for more .*training latents, 1350"):
        evaluate(glf, digits, only=["latent_mixtures"], components=(2000,))

    class Codes(HasCodes):
        _encode = _decode = _latent_log_prob = None

    subject = Subject(Codes.__new__(Codes), digits)
    assert "codes are none" in LatentMixtures((1,)).refusal(subject)


@pytest.fixture(scope="module")
def labelled(digits):
    model = small_glf(digits.spec, make_condition_encoder=OneHotLabels, label_drop=0.1)
    return Subject(model, digits)


@pytest.fixture(scope="module")
def found_by_label(labelled):
    guided = {**FEATURES, "feature_temperature": 0.5, "feature_guidance": 0.25}
    return LatentMixtures((3, 20), **guided).measure(labelled)


def test_with_labels_a_density_is_a_sum_over_them(labelled, digits, found_by_label):
    model, z = labelled.model, labelled.once(Latents("test"))
    counts = np.bincount(digits.examples("train", slice(None))["label"])
    total = np.zeros(len(z))
    for label, count in enumerate(counts):
        given = model.latent_log_prob(tf.constant(z, tf.float32), np.full(len(z), label))
        total += count / counts.sum() * np.exp(given.numpy().astype(np.float64))
    found = found_by_label["latent_nll_model"]["value"]
    assert found == pytest.approx(-np.log(total).mean(), rel=1e-6)


def test_as_many_gaussians_by_label(labelled, found_by_label):
    """Ten labels have two of 20 each, and none of 3."""
    z, fitted = labelled.once(Latents("test")), labelled.once(MixtureByLabel(20))
    assert [len(m.weights_) for m in fitted.mixtures] == 10 * [2]
    train, labels = labelled.once(Latents("train")), labels_of(labelled, "train")
    for label, mixture in enumerate(fitted.mixtures):
        own = train[labels == label]
        np.testing.assert_allclose(mixture.weights_ @ mixture.means_, own.mean(0), atol=1e-6)
    shares = np.bincount(labels) / len(labels)
    p = sum(s * np.exp(m.score_samples(z)) for s, m in zip(shares, fitted.mixtures, strict=True))
    found = found_by_label["latent_nll_mixture_20_by_label"]["value"]
    assert found == pytest.approx(-np.log(p).mean(), rel=1e-6)
    assert found_by_label["parameters_mixture_20_by_label"]["value"] == 10 * (1 + 2 * (4 + 10))
    assert "latent_nll_mixture_3_by_label" not in found_by_label


def test_their_samples_have_the_model_s_labels(labelled, digits):
    fitted = labelled.once(MixtureByLabel(20))
    points = [
        SimpleNamespace(sample=lambda n, c=c: (np.full((n, 4), c, float), None)) for c in range(10)
    ]
    drawn = []
    model = SimpleNamespace(
        decode=lambda z: drawn.append(z) or z, latent_spec=labelled.model.latent_spec
    )
    dataclasses.replace(fitted, mixtures=tuple(points)).images(Subject(model, digits), 40)
    labels = digits.examples("test", slice(0, 40))["label"]
    np.testing.assert_array_equal(drawn[0][:, 0], labels)


def test_a_temperature_and_guidance_are_the_model_s_alone(labelled, found_by_label):
    names = [name for name in found_by_label if name.startswith("fid")]
    mixtures = ("mixture_3", "mixture_20", "mixture_20_by_label")
    own = "fid_pixels_temperature_0.5_guidance_0.25_model"
    assert names == [own, *(f"fid_pixels_{name}" for name in mixtures)]
    about = found_by_label[own]["meaning"]
    assert "of 40 samples of the model's own density at temperature 0.5 with guidance 0.25" in about
    assert "temperature" not in found_by_label["fid_pixels_mixture_3"]["meaning"]


def test_samples_at_a_temperature_and_guided(labelled, digits):
    labels = digits.examples("test", slice(0, 5))["label"]
    seed = random.fold(0, "feature samples", 0)
    guided = labelled.model.sample_guided(5, seed, 0.25, 0.5, labels)
    np.testing.assert_array_equal(labelled.once(Samples(5, 0.5, 0.25)), guided)
    plain = labelled.model.sample(5, seed, 0.5, labels)
    np.testing.assert_array_equal(labelled.once(Samples(5, 0.5)), plain)


def test_guidance_of_a_model_without_it_is_refused(glf, digits):
    with pytest.raises(ValueError, match=r"learned what there is without a label; .* leave"):
        evaluate(glf, digits, only=["fid"], **FEATURES, feature_guidance=0.5)
    with pytest.raises(ValueError, match="temperature must be finite and at least 0"):
        evaluate(glf, digits, only=["fid"], **FEATURES, feature_temperature=-0.5)
