"""Monge distance (MIND): transport between two sets of features along random directions."""

import numpy as np

from glf.core import random
from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.neighbours import check_sets
from glf.evaluation.report import metric

DIRECTIONS = 1000
_AT_ONCE = 100


class MongeDistance(FeatureEvaluator):
    """MIND of samples and of real images of the judged split: see `monge_distance`.

    Of as many real images as there are samples, or all where there are fewer. The floor is that of
    as many images of another split, training images unless these are judged.
    """

    of = "images"

    def compare(self, features):
        """ "mind_NAME" and "mind_floor_NAME"."""
        subject = features.subject
        samples = features.samples().features
        real = features.real(count=MOST_REAL).features[: len(samples)]
        sets = f"{len(samples)} samples to {len(real)} images of the {subject.split} split"
        about = f"3 d times the squared transport along {DIRECTIONS} directions from {sets}"
        metrics = {
            features.called("mind"): metric(
                monge_distance(real, samples, seed=subject.seed),
                "",
                f"{about}; {features.about}",
                "lower",
            )
        }
        other = "test" if subject.split == "train" else "train"
        if subject.dataset.num_examples(other):
            floor = features.real(other, len(samples)).features
            metrics[features.called("mind_floor")] = metric(
                monge_distance(real, floor, seed=subject.seed),
                "",
                f"of {len(floor)} {other} images to the same",
            )
        return metrics


def monge_distance(real, generated, directions=DIRECTIONS, seed=0):
    """3 d times the mean squared Wasserstein distance of one-dimensional projections.

      3 d / M Σ_i W_2(u_i . x, u_i . y)^2,    u_i uniform on the sphere, W_2^2 = ∫ (F^-1 - G^-1)^2

    (Berthet et al. 2026, arXiv 2605.06797, of Inception features). In one dimension the transport
    pairs the sorted values; sets of unequal size are paired by quantiles, so that every example
    counts. The factor 3 d makes it 3 |mu|^2 where one set is the other moved by mu: 3 d m^2 where
    by m along each axis. It is above 0 for two sets of one distribution, the less the more
    examples there are.

    Args:
      real: features [n, d].
      generated: features [m, d].
      directions: M.
      seed: of the directions.

    Raises:
      ValueError: if the features are no such sets, or not finite.
    """
    real, generated = (v.astype(np.float64) for v in check_sets(real, generated))
    centre = real.mean(axis=0)
    real, generated = real - centre, generated - centre
    size = real.shape[1]
    drawn = random.numpy_generator(seed, "monge distance").standard_normal((directions, size))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    total = 0.0
    for start in range(0, directions, _AT_ONCE):
        some = drawn[start : start + _AT_ONCE].T
        total += _squared_wasserstein(real @ some, generated @ some).sum()
    return float(3 * size * total / directions)


def _squared_wasserstein(x, y):
    """W_2^2 of the columns of x [n, c] and y [m, c], [c]."""
    x, y = np.sort(x, axis=0), np.sort(y, axis=0)
    if len(x) == len(y):
        return np.square(x - y).mean(axis=0)
    # Between neighbouring multiples of 1/n and 1/m both quantile functions are constant: counted
    # in units of 1 / nm, which are integers.
    n, m = len(x), len(y)
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(ends, prepend=0)
    apart = x[(ends - 1) // m] - y[(ends - 1) // n]
    return widths @ np.square(apart) / (n * m)
