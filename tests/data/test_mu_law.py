import numpy as np
import pytest

from glf.data import mu_law


@pytest.mark.parametrize("levels", [2, 32, 256])
def test_every_level_comes_back(levels):
    codes = np.arange(levels)
    waves = mu_law.decode(codes, levels)
    np.testing.assert_array_equal(mu_law.encode(waves, levels), codes)
    assert (np.diff(waves) > 0).all()
    assert waves[0] == pytest.approx(-1)
    assert waves[-1] == pytest.approx(1)
    np.testing.assert_allclose(waves, -waves[::-1], atol=1e-12)


def test_the_error_is_relative():
    x = np.concatenate([-np.geomspace(0.01, 1, 500), np.geomspace(0.01, 1, 500)])
    error = np.abs(mu_law.decode(mu_law.encode(x)) - x)
    # Half a step of y, times dx/dy = (1 + mu |x|) log(1 + mu) / mu.
    bound = (1 + 255 * np.abs(x)) * np.log(256) / 255 / 255
    assert (error <= bound * 1.02).all()
    assert error.max() > 0.9 * bound.max()


def test_values_by_the_formula():
    assert mu_law.encode(0.0) == 128
    assert mu_law.encode([-1.0, 1.0, -7.0, 7.0]).tolist() == [0, 255, 0, 255]
    expected = np.floor((np.log(1 + 255 * 0.1) / np.log(256) + 1) / 2 * 255 + 0.5)
    assert mu_law.encode(0.1) == expected
    assert mu_law.encode(0.1).dtype == np.uint8
