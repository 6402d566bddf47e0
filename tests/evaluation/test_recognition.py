"""The judge of samples: sure of real images, not of what is none of them."""

import numpy as np
import pytest

from glf.data.make import make_dataset
from glf.evaluation.evaluate import evaluate
from glf.evaluation.recognition import Judge


@pytest.fixture(scope="module")
def judge(digits):
    return Judge(digits)


def images_of(dataset, split):
    batch = dataset.examples(split, slice(None))
    return batch["x"], batch["label"]


def test_real_images_are_recognised(judge, digits):
    images, labels = images_of(digits, "test")
    found = judge(images)
    assert judge.accuracy == np.mean(found.labels == labels) > 0.98
    assert 0.945 < found.recognised.mean() < 0.96
    assert found.class_balance > 0.98
    # Not only those that set the threshold.
    assert judge(images_of(digits, "validation")[0]).recognised.mean() > 0.9
    # Alone as among others, but for the rounding of another order of sums.
    np.testing.assert_allclose(judge(images[:1]).confidence, found.confidence[:1], rtol=1e-12)


def test_what_is_no_image_of_the_data_is_not(judge, digits):
    images, _ = images_of(digits, "train")
    generator = np.random.default_rng(0)
    flat = images.reshape(len(images), -1)
    gaussian = generator.multivariate_normal(flat.mean(0), np.cov(flat.T), 300)
    others = {
        "noise": generator.integers(0, 17, (300, 8, 8, 1)),
        "black": np.zeros((3, 8, 8, 1)),
        "white": np.full((3, 8, 8, 1), 16),
    }
    for name, pixels in others.items():
        assert judge(pixels.astype(np.uint8)).recognised.mean() < 0.02, name
    between = (images[generator.permutation(len(images))] / 2 + images / 2).round()
    assert judge(between).recognised.mean() < 0.5
    assert judge(gaussian.clip(0, 16).round().reshape(-1, 8, 8, 1)).recognised.mean() < 0.4


def test_the_balance_of_classes(judge, digits):
    images, labels = images_of(digits, "test")
    one = judge(images[labels == 3])
    assert 0.1 <= one.class_balance < 0.15
    half = judge(images[labels < 5])
    assert 0.48 < half.class_balance < 0.55


@pytest.mark.slow
def test_a_model_is_measured(glf, digits):
    found = evaluate(glf, digits, only=["recognition"], judged_samples=50)
    assert list(found) == ["recognised", "class_balance", "classifier_accuracy"]
    # Random weights: its samples are no digits.
    assert found["recognised"]["value"] < 0.5
    assert "50 samples" in found["recognised"]["meaning"]
    assert "95 % of real images of the test split" in found["recognised"]["meaning"]


def test_what_cannot_be_judged(tmp_path):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 17, (40, 8, 8), np.uint8)
    np.save(tmp_path / "unlabelled.npy", pixels)
    with pytest.raises(ValueError, match="has no labels"):
        Judge(make_dataset(f"array:{tmp_path}/unlabelled.npy"))
    np.savez(tmp_path / "one.npz", images=pixels, labels=np.full(40, 1))
    with pytest.raises(ValueError, match="have one label, 1"):
        Judge(make_dataset(f"array:{tmp_path}/one.npz"))
