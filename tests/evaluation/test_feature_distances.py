"""Evaluators of features, on a small model's samples: what they compare, and what they say."""

import numpy as np
import pytest
import tensorflow as tf

from glf.evaluation.evaluate import evaluate
from glf.evaluation.features import order
from glf.evaluation.frechet import Moments, frechet_distance
from glf.evaluation.kernel_distance import kernel_distance
from glf.evaluation.monge_distance import monge_distance
from glf.evaluation.precision_recall import supports
from glf.evaluation.precision_recall_curve import f_scores, precision_recall_curve
from glf.extractors.pixels import Pixels

NAMES = (
    *("kernel_distance", "monge_distance", "precision_recall", "precision_recall_curve"),
    "reconstruction_distance",
)


class Replayer:
    """A model whose samples are given, which reconstructs what it is given."""

    condition_encoder = None
    conditional_reconstruction = False

    def __init__(self, images):
        self.images = images

    def sample(self, num, seed, condition=None):
        return tf.constant(self.images[:num])


@pytest.fixture(scope="module")
def measured(glf, digits):
    options = {"feature_samples": 200, "feature_extractor": ("pixels",)}
    return evaluate(glf, digits, only=NAMES, seed=3, **options)


def test_names_and_directions(measured):
    better = {name: m.get("better") for name, m in measured.items()}
    assert better == {
        "kid_pixels": "lower",
        "kid_deviation_pixels": None,
        "mind_pixels": "lower",
        "mind_floor_pixels": None,
        **dict.fromkeys(("precision_pixels", "recall_pixels"), "higher"),
        **dict.fromkeys(("density_pixels", "coverage_pixels"), "higher"),
        **dict.fromkeys(("prd_recall_pixels", "prd_precision_pixels"), "higher"),
        "fid_reconstruction_pixels": "lower",
    }
    for name in ("kid", "mind", "precision", "density", "prd_recall", "fid_reconstruction"):
        assert "features: the 64 pixel" in measured[f"{name}_pixels"]["meaning"]
    assert "100 subsets of 100 of 200 samples and 297" in measured["kid_pixels"]["meaning"]
    assert "k = 3; 200 samples, 200 images of the test" in measured["recall_pixels"]["meaning"]


def test_values_are_those_of_the_formulas(glf, digits):
    def flat(split, count=None):
        x = digits.examples(split, order(digits, split)[:count])["x"]
        return (x.reshape(len(x), -1) / np.float32(16)).astype(np.float32)

    drawn = digits.examples("validation", slice(None))["x"]
    model = Replayer(drawn)
    options = {"feature_samples": 150, "feature_extractor": ("pixels",)}
    found = evaluate(model, digits, only=NAMES[:4], **options)
    found = {name: m["value"] for name, m in found.items()}
    samples, real = Pixels(digits.spec)(drawn).features, flat("test")
    mean, deviation, _ = kernel_distance(real, samples)
    assert found["kid_pixels"] == pytest.approx(mean, rel=1e-6)
    assert found["kid_deviation_pixels"] == pytest.approx(deviation, rel=1e-6)
    assert found["mind_pixels"] == pytest.approx(monge_distance(real[:150], samples), rel=1e-6)
    floor = monge_distance(real[:150], flat("train", 150))
    assert found["mind_floor_pixels"] == pytest.approx(floor, rel=1e-6)
    expected = supports(real[:150], samples, (3, 5))
    assert found["precision_pixels"] == expected[3].precision
    assert found["recall_pixels"] == expected[3].recall
    assert found["density_pixels"] == expected[5].density
    assert found["coverage_pixels"] == expected[5].coverage
    scores = f_scores(*precision_recall_curve(real, samples))
    assert (found["prd_recall_pixels"], found["prd_precision_pixels"]) == pytest.approx(scores)
    # These samples are digits that the model has never seen: near to the best there is.
    assert abs(found["kid_pixels"]) < 0.02
    assert found["mind_pixels"] < 1.5 * found["mind_floor_pixels"]
    assert min(scores) > 0.85


def test_samples_of_a_random_model_are_far(measured):
    assert measured["kid_pixels"]["value"] > 0.1
    assert measured["mind_pixels"]["value"] > 5 * measured["mind_floor_pixels"]["value"]
    assert measured["coverage_pixels"]["value"] < 0.3


def test_reconstructions_are_compared_with_their_images(glf, digits, measured):
    x = digits.examples("test", slice(None))["x"]
    sets = [images.reshape(297, -1) / 16 for images in (x, glf.reconstruct(x).numpy())]
    real, found = map(Moments.of, sets)
    expected = frechet_distance(real.mean, real.covariance, found.mean, found.covariance)
    assert measured["fid_reconstruction_pixels"]["value"] == pytest.approx(expected, rel=1e-4)
