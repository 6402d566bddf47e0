"""Densities of points, held against the one that the points were drawn from."""

import numpy as np
import tensorflow as tf

from glf.evaluation.base import Evaluator
from glf.evaluation.loss_terms import mean_loss_terms
from glf.evaluation.report import metric
from glf.models.abilities import HasPointDensity


class PointDensity(Evaluator):
    """A density of points, in nats alone; of a known one, how far the model is above it."""

    needs = HasPointDensity
    of = "densities of points"
    shared = True

    def measure(self, subject):
        """ "nll", and "floor", "gap" and "gap_error" where the data's density is known."""
        nll = subject.once(mean_loss_terms)["nll"]
        metrics = {"nll": metric(nll, "nats", "-log p(x), a density of points, exact", "lower")}
        density = subject.dataset.density
        if density is None:
            return metrics
        points = subject.dataset.examples(subject.split, slice(None))["x"]
        truth = density.log_prob(points)
        judged = np.asarray(subject.model.log_prob(tf.constant(points)), np.float64)
        floor = float(-truth.mean())
        error = float((truth - judged).std() / np.sqrt(len(points)))
        about = "-log p(x) of the same points under the density they were drawn from"
        return metrics | {
            "floor": metric(floor, "nats", about),
            "gap": metric(
                nll - floor, "nats", "nll - floor: an estimate of KL(data || model)", "lower"
            ),
            "gap_error": metric(error, "nats", "standard error of the gap"),
        }
