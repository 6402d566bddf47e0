"""Spreads and differences, held against scipy's own tests."""

import math

import numpy as np
import pytest
from scipy import stats

from glf.evaluation.differences import Spread, difference


def drawn(seed, count, mean=0.0):
    values = np.random.default_rng(seed).normal(mean, 1.0, count)
    return dict(enumerate(values.tolist()))


@pytest.mark.parametrize("count", [2, 3, 10])
def test_paired_by_seed(count):
    first, second = drawn(0, count, 2.0), drawn(1, count)
    # Seeds that only one of them has do not count.
    found = difference({**first, 77: 1e6}, {**second, 78: -1e6})
    test = stats.ttest_rel([first[s] for s in range(count)], [second[s] for s in range(count)])
    interval = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(np.mean([first[s] - second[s] for s in range(count)]))
    assert found.seeds == tuple(range(count))
    assert found.beyond == (test.pvalue < 0.05)


def test_pairs_find_what_means_do_not():
    """A small difference beneath large ones of the seeds."""
    noise = {seed: 100.0 * seed for seed in range(4)}
    shifts = (1.0, 1.1, 0.9, 1.05)
    first = {seed: value + shifts[seed] for seed, value in noise.items()}
    assert difference(first, noise).beyond
    apart = {seed + 10: value for seed, value in noise.items()}
    assert not difference(first, apart).beyond


@pytest.mark.parametrize("shared", [0, 1])
def test_means_of_other_seeds_by_welch(shared):
    first, second = drawn(0, 5, 3.0), drawn(1, 4)
    second = {seed + 5 - shared: 3 * value for seed, value in second.items()}
    found = difference(first, second)
    test = stats.ttest_ind(list(first.values()), list(second.values()), equal_var=False)
    interval = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.seeds == ()
    assert found.beyond == (test.pvalue < 0.05)


def test_one_seed_has_no_spread():
    found = difference({0: 3.0}, {0: 1.0, 1: 2.0})
    assert found.mean == 1.5
    assert (found.low, found.high, found.beyond) == (None, None, None)


def test_equal_differences_have_an_interval_of_one_point():
    assert difference({0: 1.0, 1: 2.0}, {0: 0.5, 1: 1.5}).beyond
    assert not difference({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}).beyond
    assert difference({0: 1.0, 1: 1.0}, {2: 3.0, 3: 3.0}).beyond


def test_spread():
    assert Spread.of([2.0]) == Spread(2.0, None)
    found = Spread.of([1.0, 2.0, 4.5])
    assert (found.mean, found.deviation) == pytest.approx((2.5, np.std([1, 2, 4.5], ddof=1)))
    assert Spread.of([1.0, math.nan]) == Spread(None, None)
