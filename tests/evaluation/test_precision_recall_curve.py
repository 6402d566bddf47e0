"""Curves of precision and recall against their definition as a linear program."""

import numpy as np
import pytest
from scipy.optimize import linprog

from glf.evaluation.precision_recall_curve import (
    curve,
    f_scores,
    histograms,
    precision_recall_curve,
)


def test_as_defined():
    """p = b m + (1 - b) v, q = a m + (1 - a) w with distributions m, v, w: the largest a of a / b.

    With u = a m: what is largest of Σ u is to have 0 <= u <= q and u <= (a / b) p.
    """
    generator = np.random.default_rng(0)
    p, q = generator.dirichlet(np.ones(5), size=2)
    precision, recall = curve(p, q, angles=9)
    for i in range(1, 8):
        ratio = np.tan(i * np.pi / 16)
        bounds = [(0, min(q[w], ratio * p[w])) for w in range(5)]
        best = -linprog(-np.ones(5), bounds=bounds).fun
        assert precision[i] == pytest.approx(best, abs=1e-8)
        assert recall[i] == pytest.approx(best / ratio, abs=1e-8)


def test_one_of_two_modes():
    """Of two equal modes one is met: precision 1 with recall 1/2."""
    precision, recall = curve(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert recall.max() == pytest.approx(0.5)
    assert precision.max() == pytest.approx(1.0)
    low, high = f_scores(precision, recall)
    assert low == pytest.approx(65 * 0.5 / (64 + 0.5), rel=1e-2)
    assert high == pytest.approx(65 * 0.5 / (1 + 64 * 0.5), rel=1e-2)
    # The other way around: half of what is generated is no data.
    swapped = f_scores(*curve(np.array([1.0, 0.0]), np.array([0.5, 0.5])))
    assert swapped == pytest.approx((high, low), rel=1e-6)


def test_equal_and_disjoint():
    equal = curve(np.array([0.2, 0.8]), np.array([0.2, 0.8]))
    assert f_scores(*equal) == pytest.approx((1, 1))
    disjoint = curve(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert f_scores(*disjoint) == (0, 0)


@pytest.fixture(scope="module")
def modes():
    """Ten modes in the plane, and a function that draws of the first so many."""
    generator = np.random.default_rng(1)
    centres = 20 * generator.normal(size=(10, 2))
    return lambda num, n=400: centres[np.arange(n) % num] + generator.normal(size=(n, 2))


def test_what_moves_them(modes):
    def scores(generated):
        return f_scores(*precision_recall_curve(real, generated, runs=3))

    real, good, dropped = modes(10), modes(10), modes(5)
    far = np.where(np.arange(400)[:, None] < 200, modes(10), 1000.0)
    best, recall_lost, precision_lost = map(scores, (good, dropped, far))
    assert min(best) > 0.9
    assert recall_lost[0] < 0.6
    assert recall_lost[1] > 0.9
    assert precision_lost[0] > 0.9
    assert precision_lost[1] < 0.6


def test_runs_and_unequal_sets(modes):
    real, generated = modes(10, 150), modes(10, 90)
    first = precision_recall_curve(real, generated, runs=2, seed=3)
    np.testing.assert_array_equal(first, precision_recall_curve(real, generated, runs=2, seed=3))
    assert (first != np.asarray(precision_recall_curve(real, generated, runs=2, seed=4))).any()
    shares = histograms(real, generated, seed=0, clusters=4)
    assert [share.sum() for share in shares] == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="At least 20 generated examples"):
        precision_recall_curve(real, generated[:19])
