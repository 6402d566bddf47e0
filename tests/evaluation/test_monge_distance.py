"""Monge distances against transport computed pair by pair."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from glf.evaluation import monge_distance as module
from glf.evaluation.monge_distance import monge_distance


def test_a_shifted_gaussian():
    """3 d mu^2, where each coordinate is moved by mu."""
    generator, d, mu = np.random.default_rng(0), 64, 0.7
    x, y = generator.normal(size=(2, 4000, d))
    assert monge_distance(x, y + mu) == pytest.approx(3 * d * mu**2, rel=0.1)
    # The same set, moved: no noise of draws is left, and the directions' is small.
    assert monge_distance(x, x + mu) == pytest.approx(3 * d * mu**2, rel=0.08)


def test_one_dimension_is_an_assignment():
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(30, 1)), 2 + generator.gamma(1.0, size=(30, 1))
    cost = np.square(x - y.T)
    best = cost[linear_sum_assignment(cost)].mean()
    assert monge_distance(x, y, directions=3) == pytest.approx(3 * best, rel=1e-12)


def test_sets_of_unequal_size():
    """As if every example stood there so often that both sets have as many."""
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(12, 2)), 0.5 + generator.normal(size=(9, 2))
    repeated = monge_distance(x.repeat(9, axis=0), y.repeat(12, axis=0), directions=20)
    # Both are moved by the mean of the first set, which repetition leaves as it is.
    assert monge_distance(x, y, directions=20) == pytest.approx(repeated, rel=1e-12)


def test_directions_a_part_at_a_time(monkeypatch):
    x, y = np.random.default_rng(3).normal(size=(2, 20, 5))
    whole = monge_distance(x, y, directions=50)
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    assert monge_distance(x, y, directions=50) == pytest.approx(whole, rel=1e-12)


def test_what_moves_it():
    generator = np.random.default_rng(4)
    x, y, z = generator.normal(size=(3, 1000, 8))
    equal, fewer = monge_distance(x, y), monge_distance(x[:100], y[:100])
    assert monge_distance(x, x) == 0
    # Above 0 for draws of one distribution, more for fewer of them.
    assert 0 < equal < 0.3 * fewer
    noisy = [monge_distance(x, y + s * z) for s in (0.3, 0.6, 1.2)]
    assert equal < noisy[0] < noisy[1] < noisy[2]
