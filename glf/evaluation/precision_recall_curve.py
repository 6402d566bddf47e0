"""Precision and recall as a curve (PRD), between histograms over joint clusters of features."""

import numpy as np
from threadpoolctl import threadpool_limits

from glf.core import random
from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.neighbours import check_sets
from glf.evaluation.report import metric

CLUSTERS, RUNS, ANGLES = 20, 10, 1001
BETA = 8


class PrecisionRecallCurve(FeatureEvaluator):
    """F_8 and F_1/8 of the curve of precision and recall (PRD): see `precision_recall_curve`.

    Of samples and as many real images of the judged split, up to 50,000.
    """

    of = "images"

    def compare(self, features):
        """ "prd_recall_NAME", which is F_8, and "prd_precision_NAME", F_1/8."""
        subject = features.subject
        samples = features.samples().features
        real = features.real(count=MOST_REAL).features
        scores = f_scores(*precision_recall_curve(real, samples, seed=subject.seed))
        fewer = min(len(real), len(samples))
        sets = f"{fewer} samples and as many images of the {subject.split} split"
        about = f"{CLUSTERS} clusters of {sets}, {RUNS} times; {features.about}"
        return {
            features.called(name): metric(score, "", f"{which} of PRD, {about}", "higher")
            for name, which, score in (
                ("prd_recall", f"F_{BETA}", scores[0]),
                ("prd_precision", f"F_1/{BETA}", scores[1]),
            )
        }


def curve(reference, evaluated, angles=ANGLES):
    """(precision, recall), [angles] each, of two distributions over the same bins.

      precision(s) = Σ_w min(s p(w), q(w)),    recall(s) = precision(s) / s,    s = tan(angle)

    of the reference p and the evaluated q, for angles evenly between 0 and 90 degrees (Sajjadi et
    al. 2018, arXiv 1806.00035, equations 7 and 8, and section 3.3).

    Args:
      reference: p, [bins], of sum 1.
      evaluated: q, [bins], of sum 1.
      angles: how many.
    """
    slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, angles))[:, None]
    precision = np.minimum(slopes * reference, evaluated).sum(1)
    return np.clip(precision, 0, 1), np.clip(precision / slopes[:, 0], 0, 1)


def f_scores(precision, recall, beta=BETA):
    """(F_beta, F_(1/beta)), the largest along a curve.

    F_b = (1 + b^2) precision recall / (b^2 precision + recall): the former weighs recall beta
    times as much as precision, the latter precision.
    """

    def largest(b):
        over = b**2 * precision + recall
        score = (1 + b**2) * precision * recall / np.where(over > 0, over, 1)
        return float(score.max())

    return largest(beta), largest(1 / beta)


def histograms(real, generated, seed, clusters=CLUSTERS):
    """Shares of real and of generated features in clusters of both together, [clusters] each."""
    random_state = int(random.numpy_generator(seed, "clusters").integers(2**31))
    from sklearn.cluster import MiniBatchKMeans  # slow to import, needed only here

    means = MiniBatchKMeans(clusters, n_init=10, random_state=random_state)
    # One thread: sums in the same order on every machine, and steps too small to share.
    with threadpool_limits(1):
        labels = means.fit_predict(np.concatenate([real, generated]))
    counts = [
        np.bincount(some, minlength=clusters) for some in (labels[: len(real)], labels[len(real) :])
    ]
    return [count / count.sum() for count in counts]


def precision_recall_curve(real, generated, clusters=CLUSTERS, runs=RUNS, seed=0):
    """(precision, recall), the mean `curve` over runs of k-means over both sets together.

    Where one set is larger, each run takes as many of it as the other has, drawn afresh: clusters
    should not follow the larger set.

    Args:
      real: features [n, d].
      generated: features [m, d].
      clusters: of k-means.
      runs: each from other starts.
      seed: of starts and draws.

    Raises:
      ValueError: if the features are no such sets, not finite, or have fewer examples than there
        are clusters.
    """
    real, generated = check_sets(real, generated, clusters)
    fewer = min(len(real), len(generated))
    curves = []
    for run in range(runs):
        generator = random.numpy_generator(seed, "balanced", run)
        sets = [
            v if len(v) == fewer else v[generator.choice(len(v), fewer, replace=False)]
            for v in (real, generated)
        ]
        run_seed = int(generator.integers(2**31))
        curves.append(curve(*histograms(*sets, run_seed, clusters)))
    return tuple(np.mean(curves, axis=0))
