"""Waveforms as pictures and as sound."""

import os

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from glf.data import mu_law
from glf.evaluation import pictures, sample_files, waveforms


def codes_of(waves):
    return mu_law.encode(np.asarray(waves))[:, :, None, None]


def test_a_curve():
    waves = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 1.0]])
    drawn = waveforms.draw(codes_of(waves), 256, height=5)
    assert drawn.shape == (2, 5, 4, 1)
    dark = drawn[..., 0] == 0
    np.testing.assert_array_equal(dark[0][:, :2], [[1, 1], *[[0, 0]] * 4])
    assert dark[0][:, 2].all()  # joined to the column before
    np.testing.assert_array_equal(dark[0][:, 3], [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(dark[1], [[1] * 4, *[[0] * 4] * 4])


def test_many_samples_share_a_column_and_none_is_lost():
    waves = np.zeros((1, 1000))
    waves[0, 777] = 1.0
    drawn = waveforms.draw(codes_of(waves), 256, height=9, max_width=100)
    assert drawn.shape == (1, 9, 100, 1)
    high = np.flatnonzero(drawn[0, 0, :, 0] == 0)
    np.testing.assert_array_equal(high, [77])


def test_a_grid_of_curves(tmp_path):
    codes = np.random.default_rng(0).integers(0, 256, (4, 30, 1, 1), np.uint8)
    found = pictures.grid(codes, 256, sample_rate=8000)
    assert found.shape == (2 * 65 + 1, 2 * 31 + 1)
    np.testing.assert_array_equal(found[1:65, 1:31], waveforms.draw(codes, 256)[0, ..., 0])
    sample_files.write_images(tmp_path / "x.png", codes, 256, sample_rate=8000)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "x.png")), found)


@pytest.mark.parametrize(("levels", "channels"), [(256, 1), (32, 1), (256, 2)])
def test_a_folder_of_sounds(tmp_path, levels, channels):
    codes = np.random.default_rng(0).integers(0, levels, (11, 30, 1, channels), np.uint8)
    codes[0, :2] = [[[0]], [[levels - 1]]]
    sample_files.write_images(tmp_path / "x", codes, levels, sample_rate=8000)
    assert sorted(os.listdir(tmp_path / "x")) == [f"{i:02d}.wav" for i in range(11)]
    for i, expected in enumerate(codes):
        rate, samples = wavfile.read(tmp_path / "x" / f"{i:02d}.wav")
        assert rate == 8000
        assert samples.dtype == np.int16
        found = mu_law.encode(samples.reshape(30, 1, channels) / 2**15, levels)
        np.testing.assert_array_equal(found, expected)


def test_an_array_knows_its_rate(tmp_path):
    codes = np.zeros((2, 30, 1, 1), np.uint8)
    sample_files.write_images(tmp_path / "x.npz", codes, 256, sample_rate=8000)
    with np.load(tmp_path / "x.npz") as found:
        assert found["sample_rate"] == 8000
