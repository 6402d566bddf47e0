"""Likelihoods of data in the unit that papers compare: bits per dimension."""

import math

from glf.evaluation.base import Evaluator
from glf.evaluation.loss_terms import mean_loss_terms
from glf.evaluation.report import metric
from glf.models.abilities import HasDensity


class Likelihood(Evaluator):
    """The likelihood of the integers x, as training minimised it: exact, or a bound."""

    needs = HasDensity
    of = "models with a likelihood of the data"
    shared = True

    def measure(self, subject):
        """ "nll" in nats, and "bits_per_dim"."""
        model, nll = subject.model, subject.once(mean_loss_terms)["nll"]
        values = "x".join(map(str, model.spec.shape))
        bits = bits_per_dim(nll, model.spec.shape)
        return {
            "nll": metric(nll, "nats", f"-log P(x) of the integers x, {model.likelihood}", "lower"),
            "bits_per_dim": metric(
                bits, "bits", f"nll / (log 2 * {values}), {model.likelihood}", "lower"
            ),
        }


def bits_per_dim(nats, image_shape):
    """-log P(x) in nats to bits per dimension: nats / (log 2 * height * width * channels).

    Args:
      nats: a number or an array of them, per example.
      image_shape: (height, width, channels) of the integers x.
    """
    return nats / (math.log(2) * math.prod(image_shape))
