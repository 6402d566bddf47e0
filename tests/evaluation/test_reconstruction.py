"""Reconstruction metrics against plain NumPy, and their errors."""

import numpy as np
import pytest

from glf.evaluation.reconstruction import (
    mean_squared_error,
    peak_signal_to_noise_ratio,
    reconstruction_metrics,
)
from glf.evaluation.structural_similarity import structural_similarity


def _pair(seed=0, size=10):
    rng = np.random.default_rng(seed)
    shape = (size, 4, 3, 2)
    return rng.uniform(size=shape).astype(np.float32), rng.uniform(size=shape).astype(np.float32)


def test_error_of_each_example():
    y = np.zeros((2, 2, 2, 1))
    reconstruction = np.zeros((2, 2, 2, 1))
    reconstruction[1, 0, 0, 0] = 1.0
    reconstruction[1, 1, 0, 0] = 0.5
    error = mean_squared_error(y, reconstruction)
    assert error.dtype == np.float64
    np.testing.assert_array_equal(error, [0.0, 1.25 / 4])


def test_psnr_of_known_errors():
    np.testing.assert_allclose(
        peak_signal_to_noise_ratio([1.0, 0.1, 0.01, 1e-10]), [0.0, 10.0, 20.0, 100.0], atol=1e-12
    )


def test_perfect_reconstruction_has_100_decibels():
    y, _ = _pair()
    perfect = {"mse": 0.0, "psnr": 100.0, "ssim": 1.0, "num_examples": 10}
    assert reconstruction_metrics([(y, y)]) == perfect
    np.testing.assert_array_equal(peak_signal_to_noise_ratio([0.0, 1e-300]), [100.0, 100.0])


def test_every_example_counts_once_whatever_the_batches():
    y, reconstruction = _pair()
    error = np.mean((y.astype(float) - reconstruction) ** 2, axis=(1, 2, 3))
    for cuts in ([], [7], [1, 2, 9], [5]):
        batches = zip(np.split(y, cuts), np.split(reconstruction, cuts), strict=True)
        metrics = reconstruction_metrics(batches)
        np.testing.assert_allclose(metrics["mse"], error.mean(), rtol=1e-12)
        np.testing.assert_allclose(metrics["psnr"], -10 * np.log10(error).mean(), rtol=1e-12)
        ssim = structural_similarity(y, reconstruction).astype(float).mean()
        np.testing.assert_allclose(metrics["ssim"], ssim, rtol=1e-6)
        assert metrics["num_examples"] == 10


def test_psnr_is_a_mean_of_psnrs():
    y = np.zeros((2, 1, 1, 1))
    reconstruction = np.array([0.1, 0.001]).reshape(2, 1, 1, 1)
    metrics = reconstruction_metrics([(y, reconstruction)])
    np.testing.assert_allclose(metrics["psnr"], (20.0 + 60.0) / 2)
    assert "ssim" not in metrics  # a pixel has no structure


def test_sums_keep_small_errors_beside_large_ones():
    """float32 sums would lose 1e-8 beside 1."""
    y = np.zeros((2, 1, 1, 1), np.float32)
    reconstruction = np.array([1.0, 1e-4], np.float32).reshape(2, 1, 1, 1)
    metrics = reconstruction_metrics([(y[:1], reconstruction[:1]), (y[1:], reconstruction[1:])])
    np.testing.assert_allclose(2 * metrics["mse"] - 1.0, 1e-8, rtol=1e-6)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_values_outside_the_scale(value):
    y, reconstruction = _pair()
    reconstruction[3, 0, 0, 0] = value
    with pytest.raises(ValueError, match=r"Reconstructions must lie in \[0, 1\]"):
        mean_squared_error(y, reconstruction)
    with pytest.raises(ValueError, match=r"Images must lie in \[0, 1\]"):
        mean_squared_error(reconstruction, y)


@pytest.mark.parametrize("shape", [(10, 4, 3, 1), (9, 4, 3, 2), (10, 4, 6)])
def test_shapes_that_differ(shape):
    with pytest.raises(ValueError, match="must have one shape"):
        mean_squared_error(_pair()[0], np.zeros(shape))


def test_images_without_channels():
    with pytest.raises(ValueError, match="must have one shape"):
        mean_squared_error(np.zeros((2, 3, 3)), np.zeros((2, 3, 3)))


def test_no_example():
    with pytest.raises(ValueError, match="at least one example"):
        reconstruction_metrics([])
