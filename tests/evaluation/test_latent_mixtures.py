"""Mixtures of Gaussians beside a model's own density of its latents."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate
from glf.evaluation.latent_mixtures import LatentMixtures, Latents, Mixture
from glf.models.abilities import HasCodes

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
    z, mixture = subject.once(Latents("test")), subject.once(Mixture(3)).mixture
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
