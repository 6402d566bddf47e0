"""Evaluators of features, on a small model's samples: what they compare, and what they say."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

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

    def sample(self, num, seed, temperature=1.0, condition=None):
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


@pytest.fixture(scope="module")
def damaged(digits):
    """{damage: (KID, MIND, `Support` with 5 neighbours, PRD's (F_8, F_1/8))} of real digits."""
    batch, test = digits.examples("train", slice(None)), digits.examples("test", slice(None))
    real, x, label = test["x"] / 16, batch["x"][:297] / 16, batch["label"]
    noise = np.random.default_rng(5).normal(size=x.shape)
    sets = {
        "none": x,
        "noise": np.clip(x + 0.2 * noise, 0, 1),
        "more noise": np.clip(x + 0.4 * noise, 0, 1),
        "blur": gaussian_filter(x, (0, 0.8, 0.8, 0)),
        "five classes": batch["x"][label < 5][:297] / 16,
        "fewer": x[:60],
    }
    real, found = real.reshape(297, -1), {}
    for name, images in sets.items():
        flat = images.reshape(len(images), -1)
        curve = precision_recall_curve(real, flat, runs=3)
        distances = kernel_distance(real, flat)[0], monge_distance(real, flat, directions=200)
        found[name] = *distances, supports(real, flat, [5])[5], f_scores(*curve)
    return found


@pytest.mark.parametrize("damage", ["noise", "blur", "five classes"])
def test_damage_is_noticed(damaged, damage):
    kid, mind, support, scores = damaged["none"]
    of_damaged = damaged[damage]
    assert of_damaged[0] > 0.006 > 3 * abs(kid)
    assert of_damaged[1] > 1.5 * mind
    assert of_damaged[2].coverage < support.coverage - 0.1
    # Clusters hide noise that keeps each example within its own.
    assert (min(of_damaged[3]) < min(scores) - 0.1) == (damage != "noise")


def test_what_is_lost_is_told(damaged):
    best, few, noise, more = (damaged[k] for k in ("none", "five classes", "noise", "more noise"))
    # Dropped classes: as precise, of less recall.
    assert few[2].precision > best[2].precision - 0.05
    assert few[2].recall < best[2].recall - 0.2
    assert few[3][0] < few[3][1]
    # Noise: imprecise, the more of it there is.
    assert noise[2].precision < best[2].precision - 0.1
    assert noise[0] < more[0]
    assert noise[1] < more[1]
    assert more[2].density < noise[2].density < best[2].density
    assert more[3][1] < best[3][1] - 0.05


def test_fewer_samples(damaged):
    """They raise MIND and lower coverage; KID's expectation does not depend on them."""
    best, fewer = damaged["none"], damaged["fewer"]
    assert fewer[1] > 1.5 * best[1]
    assert fewer[2].coverage < 0.7 * best[2].coverage
    assert abs(fewer[0]) < 0.006


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
