"""Kernel distances against loops over pairs."""

import numpy as np
import pytest
from scipy.stats import norm

from glf.evaluation.kernel_distance import kernel_distance, squared_mmd


def one_pair_after_the_other(x, y):
    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    of_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    of_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    of_both = sum(kernel(a, b) for a in x for b in y)
    return of_x / (n * (n - 1)) + of_y / (m * (m - 1)) - 2 * of_both / (n * m)


def test_as_defined():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(11, 3)), 1 + generator.normal(size=(8, 3))
    assert squared_mmd(x, y) == pytest.approx(one_pair_after_the_other(x, y), rel=1e-12)


def test_as_others_compute_it():
    """Of torch-fidelity 0.4.0: kid_features_to_metric(fake, real, kid_subsets=1, ...).

    With kid_subset_size=400, all there is: no choice is left.
    """
    state = np.random.RandomState(7)
    real, fake = state.randn(500, 16)[:400], 0.8 * state.randn(400, 16) + 0.3
    assert squared_mmd(real, fake) == pytest.approx(0.35234055395786434, rel=1e-12)
    mean, deviation, size = kernel_distance(real, fake, subsets=1, size=400)
    assert mean == pytest.approx(0.35234055395786434, rel=1e-12)
    assert (deviation, size) == (0, 400)
    # Subsets of its own choice: kid_subsets=100, kid_subset_size=200, rng_seed=1.
    mean, deviation, size = kernel_distance(real, fake)
    assert size == 200
    assert mean == pytest.approx(0.35488, abs=3 * 0.036 / 10)
    assert deviation == pytest.approx(0.03605, rel=0.25)


def test_no_bias():
    """Zero on average for draws of one distribution, however few: single ones fall below it."""
    generator = np.random.default_rng(1)
    values = [squared_mmd(*generator.normal(size=(2, 20, 4))) for _ in range(400)]
    assert min(values) < 0
    assert abs(np.mean(values)) < 3 * np.std(values) / 20


def test_a_mean_that_is_known():
    """Normals of one dimension, one moved by m: it is known from the moments up to the third.

    (x y + 1)^3 = 1 + 3 xy + 3 x^2 y^2 + x^3 y^3, so that MMD^2 is 3 (d1)^2 + 3 (d2)^2 + (d3)^2 of
    the differences of moments: m, m^2 and m^3 + 3 m.
    """
    m, x = 0.5, norm.ppf((np.arange(2000)[:, None] + 0.5) / 2000)
    expected = 3 * m**2 + 3 * m**4 + (m**3 + 3 * m) ** 2
    assert squared_mmd(x, x + m) == pytest.approx(expected, rel=0.02)


def test_choice_is_seeded():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 60, 4))
    first = kernel_distance(x, y, subsets=5, seed=1)
    assert first == kernel_distance(x, y, subsets=5, seed=1)
    assert first != kernel_distance(x, y, subsets=5, seed=2)
    assert first[2] == 30


def test_refusals():
    with pytest.raises(ValueError, match="have 2 to 9 of them, got 10"):
        kernel_distance(np.zeros((20, 2)), np.zeros((9, 2)), size=10)
    with pytest.raises(ValueError, match="At least 4 real examples"):
        kernel_distance(np.zeros((3, 2)), np.zeros((9, 2)))
