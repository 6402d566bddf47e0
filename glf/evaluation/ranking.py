"""How well a score tells two classes apart, counted as it comes."""

import numpy as np

_STEPS = 2**16


class Ranking:
    """Scores in [0, 1] of positives and negatives, for the area under the ROC curve.

    The area is the probability that a positive scores higher than a negative, half of it where
    both score the same. Scores are counted in 65,536 steps: exact where they are multiples of one,
    as means of 2^k masks are, and elsewhere two scores within a step count as the same.
    """

    def __init__(self):
        self._counts = np.zeros((2, _STEPS + 1), np.int64)

    def add(self, scores, positive):
        """Adds numbers in [0, 1] and, of the same shape, which of them belong to positives."""
        steps = np.rint(np.asarray(scores, np.float64) * _STEPS).astype(np.int64)
        for counts, which in zip(self._counts, (~positive, positive), strict=True):
            counts += np.bincount(steps[which], minlength=_STEPS + 1)

    @property
    def area(self):
        """The area, or None where one of the classes has none."""
        negatives, positives = self._counts.astype(np.float64)
        if not negatives.any() or not positives.any():
            return None
        below = np.cumsum(negatives) - negatives / 2
        return float(positives @ below / (positives.sum() * negatives.sum()))
