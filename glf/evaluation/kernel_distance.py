"""Kernel distance (KID): the squared maximum mean discrepancy between two sets of features."""

import numpy as np

from glf.core import random
from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.neighbours import check_sets
from glf.evaluation.report import metric

SUBSETS, SUBSET_SIZE = 100, 1000


class KernelDistance(FeatureEvaluator):
    """KID of samples and real images of the judged split, up to 50,000: see `kernel_distance`.

    Its expectation does not depend on the number of samples.
    """

    of = "images"

    def compare(self, features):
        """ "kid_NAME" and "kid_deviation_NAME"."""
        subject = features.subject
        real = features.real(count=MOST_REAL).features
        samples = features.samples().features
        mean, deviation, size = kernel_distance(real, samples, seed=subject.seed)
        sets = f"{len(samples)} samples and {len(real)} images of the {subject.split} split"
        subsets = f"{SUBSETS} subsets of {size} of {sets}"
        about = f"unbiased squared MMD, mean over {subsets}; {features.about}"
        return {
            features.called("kid"): metric(mean, "", about, "lower"),
            features.called("kid_deviation"): metric(
                deviation, "", "standard deviation over these subsets"
            ),
        }


def squared_mmd(x, y):
    """The unbiased squared maximum mean discrepancy of x [n, d] and y [m, d], float64.

      Σ_(a != b) k(x_a, x_b) / n(n-1) + Σ_(a != b) k(y_a, y_b) / m(m-1) - 2 Σ k(x_a, y_b) / nm

    with k(x, y) = (x . y / d + 1)^3 (Binkowski et al. 2018, arXiv 1801.01401, equation 4 and
    section 4). It is about 0 for equal distributions, below as often as above.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    within = [_kernel(values, values) for values in (x, y)]
    means = [
        (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1)) for kernel in within
    ]
    return float(sum(means) - 2.0 * _kernel(x, y).mean())


def _kernel(x, y):
    kernel = x @ y.T
    kernel /= x.shape[1]
    kernel += 1.0
    # Powers of arrays are far slower than products.
    return kernel * kernel * kernel


def kernel_distance(real, generated, subsets=SUBSETS, size=None, seed=0):
    """(mean, standard deviation, size) of `squared_mmd` over random subsets of both sets.

    Each subset is drawn without repetition. The mean has the same expectation whatever their
    size; the deviation is that of the subsets, which overlap: not the error of the mean.

    Args:
      real: features [n, d].
      generated: features [m, d].
      subsets: how many.
      size: of each; None: 1000, or half of the smaller set where it has fewer than 2000, so that
        subsets differ.
      seed: of their choice.

    Raises:
      ValueError: if the features are no such sets or not finite, or have fewer than 4 examples, or
        than `size`.
    """
    real, generated = check_sets(real, generated, 4)
    fewer = min(len(real), len(generated))
    size = min(SUBSET_SIZE, fewer // 2) if size is None else size
    if not 2 <= size <= fewer:
        raise ValueError(f"Subsets of {fewer} examples have 2 to {fewer} of them, got {size}.")
    generator = random.numpy_generator(seed, "kernel distance")
    values = []
    for _ in range(subsets):
        chosen = [v[generator.choice(len(v), size, replace=False)] for v in (real, generated)]
        values.append(squared_mmd(*chosen))
    return float(np.mean(values)), float(np.std(values)), size
