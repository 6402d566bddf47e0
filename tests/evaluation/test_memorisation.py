"""Nearest training images of samples that are copies, of new images, and of noise."""

import numpy as np
import pytest
import tensorflow as tf

from glf.core.shares import meeting
from glf.data.dataset import DataSpec
from glf.evaluation import memorisation
from glf.evaluation.base import Subject
from glf.evaluation.memorisation import Memorisation


class Replayer:
    """A model whose samples are given."""

    condition_encoder = None

    def __init__(self, images):
        self.images = images

    def sample(self, num, seed, temperature=1.0, condition=None):
        return tf.constant(self.images[:num])


def measured(digits, images, split="test", **options):
    shown = {}
    model = Replayer(images)
    subject = Subject(model, digits, split, show=shown.__setitem__)
    found = Memorisation(len(images), **options).measure(subject)
    return {name: m["value"] for name, m in found.items()}, found, shown


def test_copies(digits):
    copies = digits.examples("train", slice(100, 220))["x"]
    found, metrics, shown = measured(digits, copies)
    assert found["nearest_pixels"] == found["nearest_1_percent_pixels"] == 0
    assert found["copies_pixels"] == 1
    assert found["nearest_real_pixels"] > 0
    assert "of 120 samples to the nearest of 1350 tr" in metrics["nearest_pixels"]["meaning"]
    # The first two columns, a sample and what is nearest to it, are equal.
    pixels = shown["memorisation_pixels"][::7, ::7]
    assert pixels.shape == (8 * 9 + 1, 6 * 9 + 1)
    np.testing.assert_array_equal(pixels[:, 1:9], pixels[:, 10:18])
    assert (pixels[:, 1:9] != pixels[:, 19:27]).any()


def test_what_two_processes_measure_together(digits, tmp_path):
    copies = digits.examples("train", slice(100, 220))["x"]
    alone, evaluator = measured(digits, copies)[1], Memorisation(120)
    for number, made in ((1, 1), (0, 0)):  # the second one compares what the first one drew
        with meeting(tmp_path, number, 2) as shares:
            found = evaluator.measure(Subject(Replayer(copies), digits, shares=shares))
            assert shares.made == made
    assert found == alone


def test_by_features(digits, monkeypatch):
    """Features lie in an order of their own: the picture has the images that they are of."""
    monkeypatch.setattr(memorisation, "PIXELS", "pixels as they are")
    images = digits.examples("train", slice(100, 220))["x"]
    found, metrics, shown = measured(digits, images)
    assert found["copies_pixels"] == 1
    assert "Euclidean; features: the 64 pixel values" in metrics["nearest_pixels"]["meaning"]
    pixels = shown["memorisation_pixels"]
    np.testing.assert_array_equal(pixels[:, 7 : 7 * 9], pixels[:, 7 * 10 : 7 * 18])


def test_a_copy_comes_first_even_among_plain_images(digits):
    """Black images are near to the faintest digits, and to several of them alike."""
    images = np.zeros((100, 8, 8, 1), np.uint8)
    images[70] = digits.examples("train", [5])["x"][0]
    _, _, shown = measured(digits, images)
    copy = shown["memorisation_pixels"][7 : 7 * 9 : 7, 7 : 7 * 9 : 7]
    np.testing.assert_array_equal(copy, np.rint(images[70, ..., 0] * (255 / 16)))


def test_new_images(digits):
    """They lie as far as others: one in a hundred is nearer than 1 % of those are."""
    new = digits.examples("validation", slice(None))["x"]
    found, metrics, _ = measured(digits, new)
    train = digits.examples("train", slice(None))["x"].reshape(1350, -1).astype(int)
    apart = [np.sqrt(np.square(train - x.ravel()).sum(1).min()) / 16 for x in new.astype(int)]
    assert found["nearest_pixels"] == pytest.approx(np.mean(apart), rel=1e-12)
    assert found["nearest_1_percent_pixels"] == pytest.approx(np.quantile(apart, 0.01), rel=1e-12)
    assert found["nearest_real_pixels"] == pytest.approx(np.mean(apart), rel=0.1)
    assert found["copies_pixels"] <= 0.04
    assert metrics["nearest_real_pixels"]["meaning"] == "the same of 150 images of the test split"
    # A quarter of them copies: a quarter more is too near.
    quarter = np.concatenate([new[:100], digits.examples("train", slice(0, 34))["x"]])
    assert measured(digits, quarter)[0]["copies_pixels"] == pytest.approx(0.25, abs=0.04)


def test_noise_is_no_copy(digits):
    noise = np.random.default_rng(0).integers(0, 17, (100, 8, 8, 1), np.uint8)
    found, _, _ = measured(digits, noise)
    assert found["copies_pixels"] == 0
    assert found["nearest_pixels"] > 1.5 * found["nearest_real_pixels"]


def test_against_test_images_where_training_images_are_judged(digits):
    _, metrics, _ = measured(digits, digits.examples("validation", slice(None))["x"], "train")
    assert "of 150 images of the test split" in metrics["nearest_real_pixels"]["meaning"]


def test_refusals(digits):
    class Points:
        name = "plain"
        spec = DataSpec((2,), None, None)

        def num_examples(self, split):
            return 3 if split == "train" else 0

    evaluator = Memorisation(100)
    assert "for images; those of plain" in evaluator.refusal(Subject(None, Points()))
    Points.spec = DataSpec((8, 8, 1), 17, None)
    said = evaluator.refusal(Subject(None, Points()))
    assert said == "for data with images that are not trained on; plain has none"
    Points.num_examples = lambda self, split: 3
    by_classifier = Memorisation(100, ("classifier",))
    assert "plain has none" in by_classifier.refusal(Subject(None, Points()))
    with pytest.raises(ValueError, match="no feature_extractor 'vgg'"):
        Memorisation(100, ("vgg",))
