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
    wavs = [f"{i:02d}.wav" for i in range(11)]
    assert sorted(os.listdir(tmp_path / "x")) == [*wavs, "spectrograms.png"]
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


def test_spectra():
    """A tone lies in the row of its frequency; one that starts late begins in its column."""
    time = np.arange(800) / 8000
    tones = np.sin(2 * np.pi * np.array([[1000.0], [3000.0]]) * time)
    tones[1, :400] = 0
    found = waveforms.spectrograms(codes_of(tones), 256, 8000)
    assert found.shape == (2, 81, 40, 3)  # to 4 kHz by 50 Hz, a column for 20 samples
    brightness = found.astype(int).sum(-1)
    assert brightness[0].mean(1).argmax() == 80 - 1000 // 50
    assert brightness[1].mean(1).argmax() == 80 - 3000 // 50
    loud = brightness[1, 80 - 60]
    assert loud[:15].max() < loud[25:].min()


def test_spectra_of_silence_and_of_a_moment():
    silence = waveforms.spectrograms(codes_of(np.zeros((1, 5))), 256, 8000)
    assert silence.shape == (1, 81, 8, 3)
    one, many = (np.zeros((n, 400)) for n in (1, 2))
    one[0] = many[0] = 0.01 * np.sin(np.arange(400))
    alone = waveforms.spectrograms(codes_of(one), 256, 8000)
    many[1] = np.sin(np.arange(400))
    beside = waveforms.spectrograms(codes_of(many), 256, 8000)
    assert beside[0].mean() < alone[0].mean()  # measured by the loudest
