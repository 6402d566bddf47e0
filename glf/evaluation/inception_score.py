"""The Inception score: how sure a classifier is of samples, and how many of its classes it sees."""

import numpy as np

from glf.evaluation.features import FeatureEvaluator
from glf.evaluation.report import metric
from glf.extractors import choice

PARTS = 10
# Kinds of extractors that have probabilities.
KINDS = ("classifier", "inception")


class InceptionScore(FeatureEvaluator):
    """exp E KL(p(y | x) || p(y)) of samples, and of real images, over ten parts.

    Salimans et al. 2016, arXiv 1606.03498, section 4. Between 1 and the number of classes. It bears
    the name of the classifier: under another one than theirs, Inception, it is another number.
    """

    of = "images"

    def refusal(self, subject):
        """Why it cannot be measured: none of the extractors has classes."""
        if all(choice.parse(text).kind not in KINDS for text in self.feature_extractor):
            return f"by class probabilities, those of feature_extractor {' or '.join(KINDS)}"
        return super().refusal(subject)

    def compare(self, features):
        """ "inception_score_NAME", its deviation, and the same of real images."""
        if features.extractor.classes is None:
            return {}
        samples = features.samples().probabilities
        real = features.real(count=len(samples)).probabilities
        name, split = features.called("inception_score"), features.subject.split
        metrics = {}
        for ending, p, what in (
            ("", samples, f"{len(samples)} samples"),
            ("_real", real, f"{len(real)} images of the {split} split"),
        ):
            scores = inception_scores(p)
            metrics[name + ending] = metric(
                float(scores.mean()),
                "",
                f"exp E KL(p(y|x) || p(y)) of {what} in {len(scores)} parts; y: "
                f"{features.extractor.classes}",
                better=None if ending else "higher",
            )
            metrics[f"{name}{ending}_deviation"] = metric(
                float(scores.std()), "", "standard deviation over the parts"
            )
        return metrics


def inception_scores(probabilities, parts=PARTS):
    """exp(mean over x of KL(p(y | x) || mean over x of p(y | x))) of each part.

    Parts are consecutive and as equal as can be, so that each row counts once; there are no more
    of them than rows.

    Args:
      probabilities: p(y | x), [n, classes], rows that sum to 1.
      parts: how many.

    Returns:
      float64 [parts].

    Raises:
      ValueError: if these are no probabilities.
    """
    from scipy.special import rel_entr  # slow to import, needed only here

    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or not len(p) or not (p.min() >= 0 and np.allclose(p.sum(1), 1, atol=1e-4)):
        raise ValueError(
            f"Probabilities are rows that sum to 1, [n, classes], at least one, got {p.shape}."
        )
    some = np.array_split(p, min(parts, len(p)))
    return np.array([np.exp(rel_entr(q, q.mean(0)).sum(1).mean()) for q in some])
