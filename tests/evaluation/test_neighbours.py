"""Distances of all pairs, a block at a time, against all of them at once."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from glf.evaluation import neighbours
from glf.evaluation.neighbours import check_sets, nearest, squared_distances


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Several blocks, none of which fits."""
    monkeypatch.setattr(neighbours, "ROWS", 7)
    monkeypatch.setattr(neighbours, "COLUMNS", 11)


def whole(x, y):
    found = np.full((len(x), len(y)), np.nan)
    for i, j, block in squared_distances(x, y):
        found[i : i + len(block), j : j + block.shape[1]] = block
    return found


def test_distances_far_from_the_origin():
    generator = np.random.default_rng(0)
    x, y = (1e6 + generator.normal(size=(n, 5)) for n in (20, 30))
    np.testing.assert_allclose(whole(x, y), cdist(x, y, "sqeuclidean"), rtol=1e-9)


def test_distances_of_integers_are_exact():
    generator = np.random.default_rng(1)
    x, y = (generator.integers(0, 256, (n, 784), np.uint8) for n in (9, 23))
    y[3] = x[4]
    found = whole(x, y)
    expected = np.square(x[:, None].astype(np.int64) - y[None]).sum(-1)
    np.testing.assert_array_equal(found, expected)
    assert found[4, 3] == 0


@pytest.mark.parametrize("k", [1, 4, 13])
def test_neighbours(k):
    generator = np.random.default_rng(2)
    x, y = (generator.normal(size=(n, 3)).astype(np.float32) for n in (17, 25))
    every = cdist(x, y, "sqeuclidean")
    distances, indices = nearest(x, y, k)
    np.testing.assert_array_equal(indices, every.argsort(1)[:, :k])
    np.testing.assert_allclose(distances, np.sort(every, 1)[:, :k], rtol=1e-6)
    own = cdist(x, x, "sqeuclidean")
    np.fill_diagonal(own, np.inf)
    distances, indices = nearest(x, x, k, same=True)
    np.testing.assert_array_equal(indices, own.argsort(1)[:, :k])
    np.testing.assert_allclose(distances, np.sort(own, 1)[:, :k], rtol=1e-6)


def test_a_twin_is_a_neighbour():
    x = np.repeat(np.arange(9.0)[:, None], 2, axis=0)
    distances, indices = nearest(x, x, 1, same=True)
    assert (distances == 0).all()
    np.testing.assert_array_equal(indices[:, 0], np.arange(18) ^ 1)


def test_too_few():
    with pytest.raises(ValueError, match="4 neighbours need as many examples, got 3"):
        nearest(np.zeros((2, 1)), np.zeros((3, 1)), 4)
    with pytest.raises(ValueError, match="4 neighbours need as many examples, got 3"):
        nearest(np.zeros((4, 1)), np.zeros((4, 1)), 4, same=True)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 2), (3, 4)), "are two arrays"),
        (((3,), (3,)), "are two arrays"),
        (((3, 2), (1, 2)), "At least 2 generated examples are needed, got 1"),
    ],
)
def test_what_are_no_sets_of_features(shapes, message):
    with pytest.raises(ValueError, match=message):
        check_sets(*map(np.zeros, shapes))


def test_features_that_are_not_finite():
    broken = np.zeros((4, 2))
    broken[[0, 2]] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 of 4 generated examples are not finite"):
        check_sets(np.zeros((4, 2)), broken)
