"""Distributions of integers by tables of integers: discretized logistics and their mixtures.

A logistic of mean μ and scale s gives an integer x

  P(x) = σ((x + 1/2 - μ) / s) - σ((x - 1/2 - μ) / s).

Both parameters are integers here: μ in units of 2^-FRACTION, and the number k of a scale on the
grid s_k = 2^(k / STEPS + LOWEST). The distribution function is a row of a table for each k, made
once, when a model is converted, and stored with it. To code a value integers are compared, added,
multiplied and shifted, nothing else.
"""

import dataclasses
import typing

import numpy as np

FRACTION = 6  # bits of a mean behind the point
STEPS = 16  # scales to a doubling
LOWEST, HIGHEST = -5, 10  # the smallest and the largest scale are powers of two
PRECISION = 24  # bits of a distribution function
REACH = 14  # scales from the mean to where a table ends
LOGIT_STEPS = 64  # units of a logit of a mixture to one nat
LOGIT_RANGE = 12 * LOGIT_STEPS  # beyond so far below the largest a component weighs nothing
WEIGHT_BITS = 14  # of the weights of a mixture
SCALES = STEPS * (HIGHEST - LOWEST) + 1


def scale_of(index):
    """s_k in floats, for whoever converts or judges a model; coding never asks."""
    return 2.0 ** (np.asarray(index) / STEPS + LOWEST)


def _shifts():
    """The bits by which distances are coarsened for each scale: those of s_k above 1.

    A step of an integer stays a whole number of entries, so that equal steps have equal entries.
    """
    whole = np.floor(np.arange(SCALES) / STEPS + LOWEST)
    return np.clip(whole, 0, FRACTION).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Tables:
    """The tables of a model.

    Attributes:
      cumulative: int32 [SCALES, entries]: the distribution function at the distances
        (j - entries // 2) 2^shift / 2^FRACTION from the mean, in units of 2^-PRECISION.
      shifts: int32 [SCALES].
      weights: int32 [LOGIT_RANGE + 1]: exp(-d / LOGIT_STEPS), in units of 2^-16.
    """

    cumulative: np.ndarray
    shifts: np.ndarray
    weights: np.ndarray

    def arrays(self):
        """{name: array}, what is stored."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def make_tables():
    """`Tables`. Floats are used here, and nowhere later."""
    shifts = _shifts()
    scales = scale_of(np.arange(SCALES))
    unit = 2.0 ** (shifts - FRACTION)
    half = int(np.ceil(np.max(np.minimum(REACH * scales / unit, REACH << (FRACTION + 1)))))
    distance = np.arange(-half, half + 1)[None] * (unit / scales)[:, None]
    function = 1.0 / (1.0 + np.exp(-np.clip(distance, -60.0, 60.0)))
    top = 1 << PRECISION
    cumulative = np.clip(np.rint(function * top), 0, top).astype(np.int32)
    cumulative[:, 0], cumulative[:, -1] = 0, top
    weights = np.rint(2.0**16 * np.exp(-np.arange(LOGIT_RANGE + 1) / LOGIT_STEPS))
    weights[-1] = 0
    return Tables(cumulative, shifts, weights.astype(np.int32))


class Parameters(typing.NamedTuple):
    """Parameters of n integers, each under a mixture of K logistics.

    Attributes:
      means: int32 [n, K], in units of 2^-FRACTION.
      scales: int32 [n, K], numbers of scales, 0 to SCALES - 1.
      logits: int32 [n, K], in units of 1 / LOGIT_STEPS nats; None where K is 1.
    """

    means: np.ndarray
    scales: np.ndarray
    logits: np.ndarray | None = None

    def rows(self, start, stop):
        """Those of the integers from `start` to `stop`."""
        return Parameters(*(None if p is None else p[start:stop] for p in self))


class Distributions:
    """The distributions that `Parameters` describe.

    Attributes:
      total: what `below` gives of a value above all.
    """

    def __init__(self, tables, parameters):
        means, scales, logits = parameters
        self._flat = tables.cumulative.reshape(-1)
        entries = tables.cumulative.shape[1]
        self._half = entries // 2
        # Component first: every operation runs over contiguous memory, and places are of the type
        # that NumPy's `take` needs not convert.
        self._means = np.ascontiguousarray(means.T, np.int64)
        scales = np.ascontiguousarray(scales.T, np.int64)
        self._shifts = tables.shifts.astype(np.int64)[scales]
        self._rows = scales * entries + self._half
        self._weights = None if logits is None else _weights(tables, logits.T)

        self.total = 1 << (PRECISION + (0 if logits is None else WEIGHT_BITS))

    def __len__(self):
        return self._means.shape[1]

    def below(self, value):
        """P(x < value) for int64 values [n]: integers [n] of `total`, not decreasing in `value`."""
        edge = (2 * value - 1) << (FRACTION - 1)
        total = None
        for j in range(len(self._means)):
            place = (edge - self._means[j]) >> self._shifts[j]
            np.clip(place, -self._half, self._half, out=place)
            place += self._rows[j]
            function = self._flat.take(place)
            if self._weights is None:
                return function
            part = function * self._weights[j]
            total = part if total is None else total + part
        return total


def _weights(tables, logits):
    """int64 weights [K, n] of a mixture, which sum to 2^WEIGHT_BITS for each of n."""
    behind = np.minimum(logits.max(0) - logits, LOGIT_RANGE)
    shares = tables.weights[behind].astype(np.int64)
    weights = (shares << WEIGHT_BITS) // shares.sum(0)
    # What rounding down left over goes to the first of the largest.
    largest = np.argmax(weights, 0)
    weights[largest, np.arange(weights.shape[1])] += (1 << WEIGHT_BITS) - weights.sum(0)
    return weights
