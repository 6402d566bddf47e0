"""Distances between all pairs of two sets, a block at a time, and nearest neighbours by them."""

import numpy as np

# Pairs of a block: 64 MB of float64 distances at most.
ROWS, COLUMNS = 1024, 8192


def check_sets(real, generated, least=2):
    """Two sets of features of one width, as they are given.

    Args:
      real: numbers [n, d].
      generated: numbers [m, d].
      least: how many of each there must be.

    Raises:
      ValueError: if they are no such sets, are too few, or values are not finite.
    """
    sets = {"real": np.asarray(real), "generated": np.asarray(generated)}
    shapes = [values.shape for values in sets.values()]
    if any(len(shape) != 2 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(f"Features are two arrays [n, d] and [m, d], got shapes {shapes}.")
    for name, values in sets.items():
        if len(values) < least:
            raise ValueError(f"At least {least} {name} examples are needed, got {len(values)}.")
        if not np.isfinite(values).all():
            broken = int((~np.isfinite(values)).any(1).sum())
            raise ValueError(
                f"Features of {broken} of {len(values)} {name} examples are not finite."
            )
    return sets["real"], sets["generated"]


def squared_distances(x, y):
    """Yields (i, j, |x_a - y_b|^2 of rows a from i and b from j on), float64 blocks of all pairs.

      |x - y|^2 = |x|^2 + |y|^2 - 2 x . y,    of x and y less the mean of y

    which loses little where sets lie near each other, wherever they lie. Of integers no mean is
    taken, so that their distances are exact. Two sets of as many examples are cut alike: equal
    pairs have equal bits.

    Args:
      x: numbers [n, d].
      y: numbers [m, d].
    """
    integers = all(np.issubdtype(values.dtype, np.integer) for values in (x, y))
    centre = 0.0 if integers else y.mean(axis=0, dtype=np.float64)
    for i in range(0, len(x), ROWS):
        left = x[i : i + ROWS].astype(np.float64) - centre
        for j in range(0, len(y), COLUMNS):
            right = y[j : j + COLUMNS].astype(np.float64) - centre
            block = left @ right.T
            block *= -2.0
            block += np.square(left).sum(1)[:, None]
            block += np.square(right).sum(1)
            yield i, j, np.maximum(block, 0.0, out=block)


def nearest(x, y, k=1, same=False):
    """The k nearest of `y` to each of `x`: (squared distances, indices), [n, k], the nearest first.

    All pairs are compared, in float64.

    Args:
      x: numbers [n, d].
      y: numbers [m, d].
      k: how many.
      same: `y` is `x`, and none is its own neighbour.

    Raises:
      ValueError: if there are no k of them.
    """
    if len(y) - same < k:
        raise ValueError(f"{k} neighbours need as many examples, got {len(y) - same}.")
    distances, indices = np.full((len(x), k), np.inf), np.zeros((len(x), k), np.int64)
    for i, j, block in squared_distances(x, y):
        if same:
            rows = np.arange(max(i, j), min(i + len(block), j + block.shape[1]))
            block[rows - i, rows - j] = np.inf
        width = min(k, block.shape[1])
        found = np.argpartition(block, width - 1, axis=1)[:, :width]
        rows = slice(i, i + len(block))
        both = np.hstack([distances[rows], np.take_along_axis(block, found, 1)])
        order = np.argsort(both, axis=1, kind="stable")[:, :k]
        distances[rows] = np.take_along_axis(both, order, 1)
        indices[rows] = np.take_along_axis(np.hstack([indices[rows], found + j]), order, 1)
    return distances, indices
