"""Usage and perplexity of codes, counted exactly."""

import numpy as np
import pytest

from glf.evaluation.codes import code_metrics


def test_by_hand():
    first = np.array([0, 1, 2, 3] * 2).reshape(2, 2, 2, 1)  # uniform over 4 of 8
    second = np.array([5, 5, 5, 5, 5, 5, 7, 7]).reshape(2, 2, 2, 1)
    codes = np.concatenate([first, second], -1)
    found = code_metrics([codes], 8)
    assert found["usage"] == pytest.approx((4 / 8 + 2 / 8) / 2)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert found["perplexity"] == pytest.approx((4 + np.exp(entropy)) / 2)


def test_batches_are_one_count():
    codes = np.random.default_rng(0).integers(0, 9, (11, 3, 2, 2))
    assert code_metrics([codes[:4], codes[4:5], codes[5:]], 9) == code_metrics([codes], 9)


def test_one_code_for_all():
    assert code_metrics([np.zeros((3, 1, 1, 1), int)], 4) == {"usage": 0.25, "perplexity": 1.0}


def test_nothing_to_count():
    with pytest.raises(ValueError, match="at least one example"):
        code_metrics([], 4)
