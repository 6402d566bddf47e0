"""Errors of a flow's round trip: data through its inverse to the base, and forward again."""

import numpy as np
import tensorflow as tf

from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric
from glf.models.abilities import HasRoundTrip

EXAMPLES = 256  # forward directions can be slow


class RoundTrip(Evaluator):
    """Errors of the round trip of the first examples of a split.

    A density is one only as far as its bijector is invertible in the arithmetic it is computed in.
    """

    needs = HasRoundTrip
    of = "models with a bijector to base noise"
    ranks = False

    def measure(self, subject):
        """The largest and the mean absolute error of a value, infinite where one is no number.

        Of integers also the share that is the same again.
        """
        model = subject.model
        batch = subject.dataset.examples(subject.split, slice(0, EXAMPLES))
        x = tf.constant(batch["x"])
        before, after = (
            np.asarray(values, np.float64)
            for values in model.round_trip(x, model.condition_of(batch))
        )
        error = np.abs(after - before)
        error[~np.isfinite(error)] = np.inf
        what = f"{model.round_trip_of} of {len(before)} examples to base noise and back"
        unit = "levels" if model.round_trip_of == "images" else ""
        metrics = {
            "round_trip_largest": metric(
                float(error.max()), unit, f"largest error: {what}", "lower"
            ),
            "round_trip_mean": metric(float(error.mean()), unit, f"mean error: {what}", "lower"),
        }
        if model.round_trip_of == "images":
            top = model.spec.levels - 1
            levels = [np.clip(np.floor(values), 0, top) for values in (before, after)]
            same = levels[0] == levels[1]
            meaning = f"share of integers that are the same again: {what}"
            metrics["round_trip_recovered"] = metric(float(same.mean()), "", meaning, "higher")
        return metrics
