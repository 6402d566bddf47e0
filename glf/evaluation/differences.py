"""Means over seeds, and differences between two methods held against the spread of their seeds."""

import dataclasses
import math

import numpy as np

CONFIDENCE = 0.95
RULE = (
    "A difference of two methods is the mean of the differences of runs with the same seed, and "
    "lies beyond the spread if its paired t interval at 95 % leaves out 0. Methods that share "
    "fewer than two seeds are compared by Welch's t interval of their means. Of methods that do "
    "not differ one comparison in twenty looks as if they did. With two or three seeds the "
    "intervals are wide (12.7 and 4.3 standard errors): what they cannot tell apart may differ."
)


@dataclasses.dataclass(frozen=True)
class Spread:
    """The values of a metric over the seeds of a method.

    Attributes:
      mean: their mean; None if any is not finite.
      deviation: that of a sample, with n - 1; None for a single value.
    """

    mean: float | None
    deviation: float | None

    @classmethod
    def of(cls, values):
        """The `Spread` of numbers, at least one."""
        values = np.asarray(list(values), np.float64)
        if not np.isfinite(values).all():
            return cls(None, None)
        deviation = float(values.std(ddof=1)) if len(values) > 1 else None
        return cls(float(values.mean()), deviation)


@dataclasses.dataclass(frozen=True)
class Difference:
    """A first method's mean less a second one's.

    Attributes:
      mean: of the differences of shared seeds, or else the difference of means.
      low, high: the ends of the interval; None where no spread is known.
      seeds: those that were paired; () where the methods share fewer than two.
      beyond: whether the interval leaves out 0; None where there is none.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: tuple
    beyond: bool | None


def difference(first, second):
    """The `Difference` of two methods in one metric.

    Paired: d_i = a_i - b_i of the n >= 2 shared seeds, mean(d) +- t(.975, n - 1) s(d) / sqrt(n).
    Otherwise Welch's: mean(a) - mean(b) +- t(.975, v) sqrt(s_a^2 / n_a + s_b^2 / n_b), with v the
    degrees of freedom of Welch and Satterthwaite, where both have two values or more.

    Args:
      first, second: {seed: finite value}, each at least one.
    """
    shared = tuple(sorted(set(first) & set(second)))
    if len(shared) > 1:
        deltas = np.array([first[s] - second[s] for s in shared], np.float64)
        error = deltas.std(ddof=1) / math.sqrt(len(deltas))
        return _with_interval(deltas.mean(), error, len(deltas) - 1, shared)
    a, b = (np.array(list(values.values()), np.float64) for values in (first, second))
    if min(len(a), len(b)) < 2:
        return Difference(float(a.mean() - b.mean()), None, None, (), None)
    parts = [values.var(ddof=1) / len(values) for values in (a, b)]
    squares = sum(p**2 / (len(v) - 1) for p, v in zip(parts, (a, b), strict=True))
    freedom = sum(parts) ** 2 / squares if squares else math.inf
    return _with_interval(a.mean() - b.mean(), math.sqrt(sum(parts)), freedom, ())


def _with_interval(mean, error, freedom, seeds):
    from scipy import stats  # slow to import, needed only here

    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * error
    low, high = float(mean - half), float(mean + half)
    return Difference(float(mean), low, high, seeds, not low <= 0.0 <= high)
