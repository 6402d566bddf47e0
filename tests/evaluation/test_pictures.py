"""Grids, files, and the levels of the data on the scale of a PNG."""

import os

import numpy as np
import pytest
from PIL import Image

from glf.data.dataset import DataSpec
from glf.evaluation import pictures, sample_files


def test_levels_reach_from_black_to_white():
    x = np.arange(17, dtype=np.uint8)
    scaled = pictures.to_bytes(x, 17)
    assert scaled.dtype == np.uint8
    np.testing.assert_array_equal(scaled, np.rint(x.astype(float) * 255 / 16))
    np.testing.assert_array_equal(pictures.to_bytes([0, 1], 2), [0, 255])
    x = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pictures.to_bytes(x, 256), x)


def test_layout():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    canvas = pictures.grid(images, 256, columns=3, gap=1)
    assert canvas.shape == (2 * 3 + 1, 3 * 4 + 1)
    for i in range(5):
        top, left = 1 + i // 3 * 3, 1 + i % 3 * 4
        assert (canvas[top : top + 2, left : left + 3] == i).all()
    # Gaps and the empty place are white.
    assert (canvas[0] == 255).all()
    assert (canvas[:, 4] == 255).all()
    assert (canvas[4:6, 9:12] == 255).all()


def test_columns_are_about_as_many_as_rows():
    assert pictures.grid(np.zeros((10, 1, 1, 1), np.uint8), gap=0).shape == (3, 4)
    assert pictures.grid(np.zeros((1, 4, 4, 3), np.uint8), gap=0).shape == (4, 4, 3)


@pytest.mark.parametrize(("min_side", "factor"), [(0, 1), (1, 1), (4, 1), (5, 2), (12, 3)])
def test_enlarging_by_whole_factors(min_side, factor):
    images = np.arange(20, dtype=np.uint8).reshape(1, 4, 5, 1)
    canvas = pictures.grid(images, gap=0, min_side=min_side)
    np.testing.assert_array_equal(canvas, images[0, ..., 0].repeat(factor, 0).repeat(factor, 1))


def test_side_by_side():
    first, second = np.zeros((3, 2, 2, 1), np.uint8), np.ones((3, 2, 2, 1), np.uint8)
    np.testing.assert_array_equal(
        pictures.side_by_side(first, second)[:, 0, 0, 0], [0, 1, 0, 1, 0, 1]
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_what_was_written(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    pixels = pixels[..., 0] if channels == 1 else pixels
    pictures.write_png(tmp_path / "a" / "x.png", pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a" / "x.png")), pixels)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 17, (11, 8, 8, 1), np.uint8)


def test_write_a_grid(tmp_path, images):
    sample_files.write_images(tmp_path / "x.png", images, 17, min_side=16)
    found = np.asarray(Image.open(tmp_path / "x.png"))
    np.testing.assert_array_equal(found, pictures.grid(images, 17, min_side=16))


def test_write_an_array(tmp_path, images):
    sample_files.write_images(tmp_path / "x.npz", images, 17)
    with np.load(tmp_path / "x.npz") as found:
        np.testing.assert_array_equal(found["images"], images)
        assert found["levels"] == 17


def test_write_a_folder(tmp_path, images):
    sample_files.write_images(tmp_path / "x", images, 17)
    assert sorted(os.listdir(tmp_path / "x")) == [f"{i:02d}.png" for i in range(11)]
    for i, image in enumerate(images):
        found = np.asarray(Image.open(tmp_path / "x" / f"{i:02d}.png"))
        np.testing.assert_array_equal(found, pictures.to_bytes(image[..., 0], 17))


def test_names_that_cannot_be_written(tmp_path, images):
    with pytest.raises(ValueError, match=r"expected a \.png file, an \.npz file, or a folder"):
        sample_files.write_images(tmp_path / "x.jpg", images, 17)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file; give the name of a folder"):
        sample_files.write_images(tmp_path / "file", images, 17)
    for suffix in (".png", ".npz"):
        (tmp_path / f"folder{suffix}").mkdir()
        with pytest.raises(ValueError, match="is a folder"):
            sample_files.write_images(tmp_path / f"folder{suffix}", images, 17)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.npz", "folder.png"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_picture_is_a_png(tmp_path):
    with pytest.raises(ValueError, match=r"to a \.png file"):
        pictures.write_png(tmp_path / "x.jpg", np.zeros((2, 2), np.uint8))
    assert os.listdir(tmp_path) == []


def test_a_folder_with_other_pictures_is_refused(tmp_path, images):
    sample_files.write_images(tmp_path / "x", images, 17)
    with pytest.raises(ValueError, match="not empty"):
        sample_files.write_images(tmp_path / "x", images[:3], 17)
    assert len(os.listdir(tmp_path / "x")) == 11


def test_points_are_written_as_they_are(tmp_path):
    points = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    sample_files.write_points(tmp_path / "points.npz", points)
    with np.load(tmp_path / "points.npz") as found:
        assert found.files == ["points"]
        np.testing.assert_array_equal(found["points"], points)
    with pytest.raises(ValueError, match=r"expected a \.png file or an \.npz file"):
        sample_files.write_points(tmp_path / "points", points)


def test_samples_stand_beside_what_was_known(tmp_path):
    """What was not is a middle grey; an array holds the samples alone."""
    spec, images = DataSpec((2, 2, 1), 2, None), np.ones((1, 2, 2, 1), np.uint8)
    known = np.array([[1, 0], [-1, -1]])[None, :, :, None]
    sample_files.write_samples(tmp_path / "x.png", images, spec, {"x": known})
    shown = np.asarray(Image.open(tmp_path / "x.png"))
    np.testing.assert_array_equal(shown[1:3, 1:3], [[255, 0], [128, 128]])
    np.testing.assert_array_equal(shown[1:3, 4:6], 255)
    sample_files.write_samples(tmp_path / "x.npz", images, spec, {"x": known})
    with np.load(tmp_path / "x.npz") as found:
        np.testing.assert_array_equal(found["images"], images)
