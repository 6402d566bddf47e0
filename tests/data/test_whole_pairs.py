"""Whole images with the masks of two observers and a field of view."""

import numpy as np
import pytest
from PIL import Image

from glf.data.whole_pairs import WholePairs

SIZES = {"train/a": (5, 7), "train/b": (6, 4), "train/d": (3, 3), "test/c": (8, 3)}


def save(root, kind, name, pixels):
    path = root / kind / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    made = {}
    for name, size in SIZES.items():
        made[name] = generator.integers(0, 256, (*size, 3), np.uint8)
        save(tmp_path, "images", name, made[name])
        for i, kind in enumerate(("masks", "observer2", "field_of_view")):
            if kind != "observer2":
                save(tmp_path, kind, name, made[name][..., i] > 99)
    return tmp_path, made


def test_all_images_in_their_own_sizes(folder):
    path, made = folder
    pairs = WholePairs(path)
    assert pairs.names == sorted(SIZES)
    assert len(pairs) == 4
    assert {pair.second for pair in pairs} == {None}
    for pair in pairs:
        np.testing.assert_array_equal(pair.image, made[pair.name])
        np.testing.assert_array_equal(pair.first, made[pair.name][..., 0] > 99)
        np.testing.assert_array_equal(pair.field, made[pair.name][..., 2] > 99)


def test_the_second_observer_may_have_marked_the_test_split_alone(folder):
    path, made = folder
    save(path, "observer2", "test/c", made["test/c"][..., 1] > 99)
    (pair,) = WholePairs(path, "test", channels=1)
    assert pair.name == "test/c"
    assert pair.image.shape == (8, 3, 1)
    np.testing.assert_array_equal(pair.second, made["test/c"][..., 1] > 99)
    (first,) = WholePairs(path, "test", examples=1)
    assert first.name == "test/c"


def test_refusals(folder):
    path, _ = folder
    save(path, "observer2", "test/c", np.ones((3, 8), bool))
    with pytest.raises(ValueError, match=r"observer2 has no file for 3 of 4 images: train/a"):
        WholePairs(path)
    with pytest.raises(ValueError, match=r"test/c.png has 3x8 pixels, but its image 8x3"):
        list(WholePairs(path, "test"))
    (path / "observer2/test/c.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"observer2/test/c.png cannot be read"):
        list(WholePairs(path, "test"))
