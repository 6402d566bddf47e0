"""Samples that lie in no ball of a real image, and what a flow could know of them."""

import numpy as np
import pytest
from conftest import small_glf

from glf.evaluation import rejected_samples
from glf.evaluation.base import Subject
from glf.evaluation.precision_recall import supports
from glf.evaluation.rejected_samples import RejectedSamples, purity, rejected_by

NUM = 60


@pytest.fixture(scope="module")
def model(digits):
    return small_glf(digits.spec)


def measured(model, digits, **options):
    shown = {}
    subject = Subject(model, digits, "test", show=shown.__setitem__)
    evaluator = RejectedSamples(NUM, feature_extractor=("pixels",), **options)
    assert evaluator.refusal(subject) is None
    found = evaluator.measure(subject)
    return {name: m["value"] for name, m in found.items()}, found, shown


def test_rejected_by_is_what_precision_leaves():
    generator = np.random.default_rng(0)
    real, generated = generator.normal(size=(90, 3)), 1.5 * generator.normal(size=(70, 3))
    rejected = rejected_by(real, generated)
    distances = np.linalg.norm(real[:, None] - generated, axis=-1)
    own = np.sort(np.linalg.norm(real[:, None] - real, axis=-1), axis=1)[:, 3]
    np.testing.assert_array_equal(rejected, (distances >= own[:, None]).all(0))
    assert 1 - rejected.mean() == supports(real, generated, (3,))[3].precision
    assert 0 < rejected.sum() < 70


def test_purity():
    labels = np.array([[0, 0, 0, 0], [1, 2, 1, 0], [3, 2, 1, 0]])
    np.testing.assert_array_equal(purity(labels), [1, 0.5, 0.25])


def test_latents_are_those_of_the_samples(model, digits):
    subject = Subject(model, digits, "test")
    samples = RejectedSamples(NUM, feature_temperature=0.7).samples
    decoded = model.decode(samples.latents(subject))
    np.testing.assert_array_equal(decoded, samples(subject))


def test_what_a_flow_could_know(model, digits, monkeypatch):
    """Told that samples with much base noise are rejected, it finds just that."""
    subject = Subject(model, digits, "test")
    u = model.to_base(RejectedSamples(NUM).samples.latents(subject)).numpy()
    norm = np.linalg.norm(u.astype(np.float64), axis=1)
    monkeypatch.setattr(rejected_samples, "rejected_by", lambda *_: norm > np.median(norm))
    found, metrics, shown = measured(model, digits)
    names = ("log_prob", "base_norm", "latent_distance", "latent_purity", "base_purity")
    aurocs = [f"rejected_auroc_{name}_pixels" for name in names]
    assert list(found) == ["rejected_pixels", *aurocs]
    assert found["rejected_pixels"] == 0.5
    assert found["rejected_auroc_base_norm_pixels"] == 1
    assert all(0 < found[name] < 1 for name in aurocs if "base_norm" not in name)
    assert "among the 10 nearest in base space" in metrics[aurocs[-1]]["meaning"]
    assert set(shown) == {"rejected_pixels_places", "rejected_pixels", "accepted_pixels"}
    assert shown["rejected_pixels_places"].shape == (2 * 304, 3 * 304, 3)


def test_all_alike(model, digits, monkeypatch):
    monkeypatch.setattr(rejected_samples, "rejected_by", lambda _, y: np.ones(len(y), bool))
    found, _, shown = measured(model, digits, feature_temperature=0.5)
    assert found == {"rejected_pixels_temperature_0.5": 1}
    assert set(shown) == {
        "rejected_pixels_temperature_0.5_places",
        "rejected_pixels_temperature_0.5",
    }


def test_refusals(model, digits):
    with pytest.raises(ValueError, match=r"rejected_samples=3 is too few: .* draw at least 4"):
        RejectedSamples(3)
    subject = Subject(model, digits, "test")
    guided = RejectedSamples(NUM, feature_guidance=1.0)
    assert "leave feature_guidance out" in guided.refusal(subject)
    other = Subject(object(), digits, "test")
    assert "flow on latents of images; a object is none" in RejectedSamples(NUM).refusal(other)
