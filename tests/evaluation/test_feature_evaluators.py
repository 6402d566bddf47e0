"""Features that evaluators share, and the Inception score."""

import numpy as np
import pytest
import tensorflow as tf

from glf.core import cache
from glf.core.shares import meeting
from glf.evaluation import features as module
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate
from glf.evaluation.features import Samples, features_of, order
from glf.evaluation.inception_score import inception_scores


class Counting:
    """A model of the digits whose samples say which class they were asked for, and how often."""

    condition_encoder = "one"

    def __init__(self):
        self.asked = []

    def condition_of(self, batch):
        return batch["label"]

    def sample(self, num, seed, temperature, condition):
        self.asked.append(num)
        assert len(condition) == num
        return tf.cast(tf.reshape(condition, [-1, 1, 1, 1]), tf.uint8) * tf.ones(
            [num, 8, 8, 1], tf.uint8
        )

    def reconstruction_condition_of(self, batch):
        return None

    def reconstruct(self, x, condition):
        assert condition is None
        return 16 - x


@pytest.fixture
def subject(digits):
    return Subject(Counting(), digits)


def test_samples_are_drawn_once_with_conditions_in_turn(subject, digits, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 100)
    x = subject.once(Samples(310))
    labels = digits.examples("test", slice(None))["label"]
    np.testing.assert_array_equal(x[:, 0, 0, 0], np.concatenate([labels, labels[:13]]))
    assert subject.once(Samples(310)) is x
    features = features_of(subject, "pixels", Samples(310))
    np.testing.assert_allclose(features.samples().features[:, 0] * 16, x[:, 0, 0, 0], atol=1e-5)
    assert features.samples() is features_of(subject, "pixels", Samples(310)).samples()
    assert subject.model.asked == [100, 100, 100, 10]


def test_real_images_are_a_fair_choice(subject, digits):
    features = features_of(subject, "pixels", Samples(10))
    some, all_of_them = features.real(count=30).features, features.real().features
    assert all_of_them.shape == (297, 64)
    np.testing.assert_array_equal(some, all_of_them[:30])
    assert features.real(count=400).features is all_of_them
    x = digits.examples("train", order(digits, "train")[:5])["x"]
    found = features.real("train", 5).features
    np.testing.assert_allclose(found, x.reshape(5, -1) / 16.0, rtol=1e-6)
    assert features.called("fid") == "fid_pixels"
    # As many as there are of every writer: stored order is not kept.
    assert 100 < np.median(order(digits, "test")[:100]) < 200


def test_reconstructions_are_of_the_same_images(subject):
    features = features_of(subject, "pixels", Samples(10))
    real, again = features.real(count=7).features, features.reconstructions(count=7).features
    np.testing.assert_allclose(again, 1 - real, atol=1e-6)


def test_workers_extract_together_what_one_does(subject, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 100)
    alone = three_of(subject)
    for number, made in ((1, 4 + 4 + 3 + 3), (0, 0)):
        # Of machines of their own, which have not kept features of real images.
        monkeypatch.setenv("GLF_CACHE", str(tmp_path / f"cache{number}"))
        with meeting(tmp_path / "shares", number, 2) as shares:
            for found, whole in zip(
                three_of(Subject(Counting(), digits, shares=shares)), alone, strict=True
            ):
                np.testing.assert_array_equal(found.features, whole.features)
                assert found.probabilities is None
            assert shares.made == made


def three_of(subject):
    """Features of samples, of real images and of reconstructions."""
    features = features_of(subject, "pixels", Samples(310))
    return features.samples(), features.real(), features.reconstructions()


def test_features_of_real_images_are_kept(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("GLF_CACHE", str(tmp_path))
    taken = []
    monkeypatch.setattr(cache, "arrays", lambda kind, key, make, _: taken.append(key) or make())
    for count in (20, 20, 21):
        features_of(Subject(None, digits), "pixels", Samples(5)).real(count=count)
    features_of(Subject(None, digits, "validation"), "pixels", Samples(5)).real(count=20)
    assert taken[0] == taken[1]
    assert len(set(taken)) == 3


def test_the_inception_score():
    """Against the sum over rows and classes as it is written."""
    p = np.random.default_rng(0).dirichlet(np.full(4, 0.3), 23)
    p[0] = [1, 0, 0, 0]
    expected = []
    for part in np.array_split(p, 10):
        marginal = part.mean(0)
        total = sum(
            q * np.log(q / m) for row in part for q, m in zip(row, marginal, strict=True) if q > 0
        )
        expected.append(np.exp(total / len(part)))
    np.testing.assert_allclose(inception_scores(p), expected, rtol=1e-12)
    # Sure of every row and all classes alike: their number; always the same: 1.
    assert inception_scores(np.eye(4), 1) == pytest.approx(4)
    np.testing.assert_allclose(inception_scores(np.full((20, 4), 0.25)), 1)
    assert len(inception_scores(np.eye(4))) == 4


@pytest.mark.parametrize("p", [np.ones(3), np.ones((2, 3)), np.full((2, 2), np.nan), [[2.0, -1.0]]])
def test_what_is_no_probability(p):
    with pytest.raises(ValueError, match="rows that sum to 1"):
        inception_scores(p)


@pytest.mark.slow
def test_a_model_has_an_inception_score(glf, digits):
    extractors = ("pixels", "classifier")
    options = {"feature_samples": 60, "feature_extractor": extractors}
    found = evaluate(glf, digits, only=["inception_score"], **options)
    name = "inception_score_classifier"
    assert list(found) == [name, f"{name}_deviation", f"{name}_real", f"{name}_real_deviation"]
    # Random weights against real digits, six in a part.
    assert 1 < found[name]["value"] < found[f"{name}_real"]["value"] <= 6
    assert "60 samples in 10 parts; y: 10 labels of digits" in found[name]["meaning"]
    with pytest.raises(ValueError, match="inception_score is by class probabilities, those of fea"):
        evaluate(
            glf, digits, only=["inception_score"], feature_samples=9, feature_extractor=("pixels",)
        )


def test_an_extractor_that_does_not_fit_is_refused_before_anything_is_measured(glf, digits):
    with pytest.raises(ValueError, match="a network of DenseNet121"):
        evaluate(glf, digits, feature_samples=9, feature_extractor=("keras:AlexNet",))
