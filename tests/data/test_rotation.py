"""Images turned once, each by an angle of its own."""

import numpy as np
import pytest
from scipy import ndimage

from glf.data import make_dataset, noise
from glf.data.rotation import rotated


def test_it_is_an_interpolated_rotation():
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 6, 2), np.uint8)
    key, positions = noise.philox_key("any"), np.array([3, 4, 9, 10, 200])
    turned = rotated(images, key, positions)
    angles = 2 * np.pi * noise.random_words(key, positions, 1)[:, 0] / 2**32
    assert np.ptp(angles) > 1
    for image, angle, found in zip(images, angles, turned, strict=True):
        y, x = np.meshgrid(np.arange(9) - 4.0, np.arange(6) - 2.5, indexing="ij")
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        at = np.tensordot(turn, np.stack([y, x]), 1) + np.array([4.0, 2.5])[:, None, None]
        for c in range(2):
            # The edge is repeated.
            expected = ndimage.map_coordinates(
                image[..., c].astype(float), at, order=1, mode="nearest"
            )
            assert np.abs(found[..., c] - expected).max() <= 0.5 + 1e-9


def test_each_example_has_one_angle_whoever_asks():
    plain, turned = make_dataset("digits"), make_dataset("digits", rotated=True)
    assert turned.spec == plain.spec
    whole = turned.examples("test", slice(None))
    before = plain.examples("test", slice(None))
    np.testing.assert_array_equal(whole["label"], before["label"])
    assert np.mean(np.any(whole["x"] != before["x"], axis=(1, 2, 3))) > 0.95
    assert whole["x"].max() <= 16
    batches = [b["x"].numpy() for b in turned.eval_batches("test", 64)]
    np.testing.assert_array_equal(np.concatenate(batches), whole["x"])
    trained = next(iter(turned.train_batches(50, 7)))["x"].numpy()
    stored = turned.examples("train", slice(None))["x"]
    known = {image.tobytes() for image in stored}
    assert all(image.tobytes() in known for image in trained)


@pytest.mark.parametrize("source", ["two_moons", "vessels"])
def test_refusals(source):
    options = {"num_examples": 5, "validation_examples": 2}
    with pytest.raises(ValueError, match="rotated"):
        make_dataset(source, rotated=True, **options)
