"""The classifier of a dataset's own labels: how good it is, and that it is trained once."""

import numpy as np
import pytest

from glf.data.make import make_dataset
from glf.extractors import classifier
from glf.extractors.classifier import Classifier


@pytest.fixture(scope="module")
def trained(digits):
    return Classifier(digits)


def test_it_knows_the_digits(trained, digits):
    batch = digits.examples("test", slice(None))
    found = trained(batch["x"])
    assert found.features.shape == (297, 128)
    assert found.features.min() == 0 < found.features.max()
    assert found.probabilities.shape == (297, 10)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-5)
    right = np.mean(found.probabilities.argmax(1) == batch["label"])
    assert trained.accuracy == pytest.approx(right, abs=1e-9)
    assert right > 0.96
    assert f"right on {100 * right:.2f} % of 297 unseen images" in trained.about
    np.testing.assert_allclose(trained(batch["x"][:1]).features, found.features[:1], atol=1e-4)


def test_features_are_what_the_last_layer_takes(trained, digits):
    found = trained(digits.examples("test", slice(0, 20))["x"])
    kernel, bias = trained._network.layers[-1].get_weights()
    logits = found.features @ kernel + bias
    exact = np.exp(logits - logits.max(1, keepdims=True))
    exact /= exact.sum(1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, exact, atol=1e-5)


def test_it_is_trained_once(trained, digits, monkeypatch):
    def fails(network, dataset):
        raise AssertionError("It was trained again.")

    monkeypatch.setattr(classifier, "_train", fails)
    again = Classifier(digits)
    assert again.fingerprint == trained.fingerprint
    assert again.about == trained.about
    for change in ({"binarize": "threshold"}, {"validation_examples": 20}):
        with pytest.raises(AssertionError, match="again"):
            Classifier(make_dataset("digits", **change))


@pytest.mark.slow
def test_it_is_the_same_whenever_it_is_trained(digits, monkeypatch, tmp_path):
    monkeypatch.setattr(classifier, "STEPS", 3)
    fingerprints = []
    for folder in ("a", "b"):
        monkeypatch.setenv("GLF_CACHE", str(tmp_path / folder))
        fingerprints.append(Classifier(digits).fingerprint)
    assert fingerprints[0] == fingerprints[1]


def test_data_that_cannot_be_learned(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 17, (40, 8, 8), np.uint8)
    np.save(tmp_path / "unlabelled.npy", pixels)
    with pytest.raises(ValueError, match="has none; choose squeezenet:PATH, inception, keras:NAME"):
        Classifier(make_dataset(f"array:{tmp_path}/unlabelled.npy"))
    np.savez(tmp_path / "one.npz", images=pixels, labels=np.full(40, 1))
    with pytest.raises(ValueError, match=r"All training images of .* have one label"):
        Classifier(make_dataset(f"array:{tmp_path}/one.npz"))
