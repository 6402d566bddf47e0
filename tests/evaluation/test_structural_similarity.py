"""Structural similarity against its definition, window by window."""

import numpy as np
import pytest

from glf.evaluation.structural_similarity import structural_similarity, window_side


def window_by_window(x, y):
    """SSIM of two images of one channel as it is defined."""
    side = window_side(x.shape)
    axis = np.arange(side) - side // 2
    weights = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    weights /= weights.sum()
    c1, c2, found = 0.01**2, 0.03**2, []
    for i in range(x.shape[0] - side + 1):
        for j in range(x.shape[1] - side + 1):
            a, b = x[i : i + side, j : j + side], y[i : i + side, j : j + side]
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            of_a, of_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            both = (weights * (a - mean_a) * (b - mean_b)).sum()
            brightness = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            found.append(brightness * (2 * both + c2) / (of_a + of_b + c2))
    return np.mean(found)


@pytest.mark.parametrize("shape", [(13, 12), (8, 9), (4, 3)])
def test_as_defined(shape):
    generator = np.random.default_rng(0)
    y = generator.random((2, *shape, 2))
    other = np.clip(y + 0.2 * generator.normal(size=y.shape), 0, 1)
    found = structural_similarity(y, other)
    expected = [
        np.mean([window_by_window(y[i, ..., c], other[i, ..., c]) for c in range(2)])
        for i in range(2)
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_equal_and_other_images():
    y = np.random.default_rng(0).random((3, 28, 28, 1))
    np.testing.assert_allclose(structural_similarity(y, y), np.ones(3), rtol=1e-5)
    assert structural_similarity(y, y[::-1])[0] < 0.2


def test_windows():
    sizes = [(28, 28), (11, 40), (10, 12), (4, 6), (2, 9), (1, 9)]
    assert [window_side(size) for size in sizes] == [11, 11, 9, 3, 1, 1]
