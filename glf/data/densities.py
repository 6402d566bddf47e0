"""Densities in the plane that are known exactly: what a flow's likelihood can be held against.

Each draws points from 32-bit random words, so that any point of a stream can be reached directly,
and gives log p of any point. The mean of -log p over points of the density itself is the least that
a model of it can reach in expectation: the floor.
"""

import abc
import math

import numpy as np


class Density(abc.ABC):
    """A density p on vectors of `size` numbers.

    Attributes:
      size: number of dimensions, d.
      words: random words that make a point.
    """

    size = 2
    words: int

    @abc.abstractmethod
    def draw(self, words):
        """Independent points of p: float32 [n, d] of uniform words, uint32 [n, `words`]."""

    @abc.abstractmethod
    def log_prob(self, points):
        """log p(x) in nats, float64 [n], of points [n, d]; -inf where p is 0."""


class TwoMoons(Density):
    """Two interleaved half circles under Gaussian noise, as scikit-learn's `make_moons`.

      x = c_k(a) + noise * e,   k uniform on {0, 1},   a uniform on [0, pi],   e ~ N(0, I),
      c_0(a) = (cos a, sin a),   c_1(a) = (1 - cos a, 1/2 - sin a)

    (scikit-learn spaces a evenly instead.) The density is the mean of both moons' integrals over
    a, done by Gauss-Legendre quadrature with nodes closer than a third of the noise. Entropy:
    about 0.289 nats for noise 0.05, 1.008 for 0.1.

    Args:
      noise: the standard deviation of the noise, at least 0.01.

    Raises:
      ValueError: if the noise is smaller, or no number.
    """

    words = 4

    def __init__(self, noise=0.05):
        number = isinstance(noise, int | float | np.number) and not isinstance(noise, bool)
        if not number or not 0.01 <= noise < math.inf:
            raise ValueError(f"The noise of two moons is a number of at least 0.01, got {noise!r}.")
        self.noise = float(noise)
        nodes, weights = np.polynomial.legendre.leggauss(max(64, math.ceil(16 / self.noise)))
        self._centres = np.concatenate(_arcs(math.pi / 2 * (nodes + 1)))
        # Weights of both arcs, which add up to 1.
        self._log_weights = np.log(np.tile(weights / 4, 2)) - math.log(2 * math.pi * self.noise**2)

    def draw(self, words):
        """See `Density`."""
        centre = _arcs(math.pi * _unit(words[:, 1]))
        centre = np.where(words[:, :1] >> 31 == 1, centre[1], centre[0])
        return (centre + self.noise * _normal(words[:, 2:4])).astype(np.float32)

    def log_prob(self, points):
        """See `Density`."""
        return _log_mixture(points, self._centres, self.noise, self._log_weights)


class Checkerboard(Density):
    """Uniform on every other square of side 2 of [-4, 4]^2: log p = -log 32 there.

    The checkerboard of FFJORD (Grathwohl et al. 2019, arXiv 1810.01367): its squares are those
    with an even sum of column and row, counted from the origin.
    """

    words = 3

    def draw(self, words):
        """See `Density`."""
        # 20 bits each: sums and products with powers of 2 are exact, even in single precision, so
        # that no point is rounded to the other side of an edge.
        first = 4 * _unit(words[:, 0], 20) - 2
        row = 2.0 * (words[:, 2] >> 31) - 2 + np.floor(first) % 2
        return (2 * np.stack([first, row + _unit(words[:, 1], 20)], 1)).astype(np.float32)

    def log_prob(self, points):
        """See `Density`."""
        points = np.asarray(points, np.float64)
        inside = (np.abs(points) < 4).all(1) & (np.floor(points / 2).sum(1) % 2 == 0)
        return np.where(inside, -math.log(32), -np.inf)


class EightGaussians(Density):
    """Eight equal Gaussians on a circle of radius 4 / 1.414, of standard deviation 0.5 / 1.414.

    The eight Gaussians of FFJORD (Grathwohl et al. 2019, arXiv 1810.01367), scaled as there.
    Entropy: about 2.834 nats.
    """

    words = 3
    radius, deviation = 4 / 1.414, 0.5 / 1.414

    def draw(self, words):
        """See `Density`."""
        centre = self._centres()[words[:, 0] >> 29]
        return (centre + self.deviation * _normal(words[:, 1:3])).astype(np.float32)

    def log_prob(self, points):
        """See `Density`."""
        log_weight = -math.log(8) - math.log(2 * math.pi * self.deviation**2)
        return _log_mixture(points, self._centres(), self.deviation, np.full(8, log_weight))

    def _centres(self):
        angle = np.arange(8) * (math.pi / 4)
        return self.radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def _unit(words, bits=32):
    """The upper bits of words as numbers in (0, 1), in the middle of 2^bits equal parts."""
    return ((words >> (32 - bits)).astype(np.float64) + 0.5) * 2.0**-bits


def _normal(words):
    """Pairs of independent standard normals from pairs of words (Box and Muller)."""
    radius = np.sqrt(-2 * np.log(_unit(words[:, 0])))
    angle = 2 * math.pi * _unit(words[:, 1])
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _arcs(angle):
    """The points of both moons at angles [n]: a pair of [n, 2]."""
    x, y = np.cos(angle), np.sin(angle)
    return np.stack([x, y], 1), np.stack([1 - x, 0.5 - y], 1)


def _log_mixture(points, centres, deviation, log_weights, rows=4096):
    """log sum_k exp(log_weights[k] - |x - centres[k]|^2 / (2 deviation^2)), some rows at a time."""
    points = np.asarray(points, np.float64)
    result = np.empty(len(points))
    for start in range(0, len(points), rows):
        here = points[start : start + rows]
        squares = (here**2).sum(1)[:, None] - 2 * here @ centres.T + (centres**2).sum(1)
        terms = log_weights - squares / (2 * deviation**2)
        largest = terms.max(1)
        shares = np.exp(terms - largest[:, None]).sum(1)
        result[start : start + rows] = largest + np.log(shares)
    return result
