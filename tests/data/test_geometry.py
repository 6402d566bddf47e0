import numpy as np
import pytest
from PIL import Image

from glf.data.geometry import Geometry, flatten_alpha


def _ramp(height, width, channels=1):
    values = np.add.outer(np.arange(height), np.arange(width)) % 256
    return np.repeat(values[..., None], channels, axis=2).astype(np.uint8)


def test_nothing_to_do_is_the_same_array():
    images = _ramp(5, 4)[None]
    assert Geometry().apply_all(images) is images


def test_centre_crop():
    image = _ramp(7, 6)
    np.testing.assert_array_equal(Geometry(crop=(3, 2)).apply(image), image[2:5, 2:4])


def test_celeb_a_convention_is_the_papers_window():
    image = _ramp(218, 178, 3)
    np.testing.assert_array_equal(Geometry(crop=(140, 140)).apply(image), image[39:179, 19:159])


@pytest.mark.parametrize("size", [(4, 4), (2, 6), (16, 16), (1, 1)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resize_crops_to_proportion_first(size, channels):
    image = _ramp(8, 12, channels)
    scale = min(8 / size[0], 12 / size[1])
    height, width = round(size[0] * scale), round(size[1] * scale)
    top, left = (8 - height) // 2, (12 - width) // 2
    cut = Image.fromarray(image[top : top + height, left : left + width, 0])
    expected = np.asarray(cut.resize(size[::-1], Image.Resampling.LANCZOS))
    got = Geometry(size=size).apply(image)
    assert got.shape == (*size, channels)
    for c in range(channels):
        np.testing.assert_array_equal(got[..., c], expected)


def test_reduction_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))[..., None]
    reduced = Geometry(size=(4, 4)).apply(stripes)
    assert np.abs(reduced.astype(int) - 127).max() < 16


def test_few_levels_stay_few():
    image = np.zeros((8, 8, 1), np.uint8)
    image[:, 4:] = 16
    assert Geometry(size=(32, 32)).apply(image, levels=17).max() == 16


def test_channels():
    colour = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    grey = Geometry(channels=1).apply(colour)
    expected = np.asarray(Image.fromarray(colour).convert("L"))
    np.testing.assert_array_equal(grey[..., 0], expected)
    np.testing.assert_array_equal(Geometry(channels=3).apply(grey), np.repeat(grey, 3, axis=2))


def test_alpha_is_laid_over_white():
    pixel = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    expected = [[[255, 255, 255], [10, 20, 30], [204, 204, 204]]]
    np.testing.assert_array_equal(flatten_alpha(pixel), expected)
    np.testing.assert_array_equal(flatten_alpha(pixel[..., :3]), pixel[..., :3])


def test_refused():
    with pytest.raises(ValueError, match="crop 9x9 is larger than the image, 8x12"):
        Geometry(crop=(9, 9)).apply(_ramp(8, 12))
    with pytest.raises(ValueError, match="2 channels cannot become 3"):
        Geometry(channels=3).apply(_ramp(8, 12, 2))
