"""The area under the ROC curve, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from glf.evaluation.ranking import Ranking


@pytest.mark.parametrize(("levels", "tolerance"), [(8, 1e-12), (None, 1e-4)])
def test_the_area_in_pieces(levels, tolerance):
    generator = np.random.default_rng(0)
    positive = generator.random((3, 500)) < 0.2
    scores = np.clip(generator.normal(0.3 + 0.2 * positive, 0.2), 0, 1)
    if levels is not None:
        scores = np.rint(scores * levels) / levels
    ranking = Ranking()
    for row in range(3):
        ranking.add(scores[row], positive[row])
    expected = roc_auc_score(positive.ravel(), scores.ravel())
    assert ranking.area == pytest.approx(expected, abs=tolerance)


def test_extremes():
    ranking = Ranking()
    assert ranking.area is None
    ranking.add(np.array([0.0, 0.4]), np.array([False, False]))
    assert ranking.area is None
    ranking.add(np.array([1.0]), np.array([True]))
    assert ranking.area == 1.0
    ranking.add(np.array([0.0]), np.array([True]))
    assert ranking.area == (2 + 0.5) / 4
