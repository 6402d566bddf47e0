"""Densities of latents, a dimension."""

import math

from glf.evaluation.base import Evaluator
from glf.evaluation.loss_terms import mean_loss_terms
from glf.evaluation.report import metric
from glf.models.abilities import HasLatentFlow


class LatentDensity(Evaluator):
    """-log p(z) of a flow on latents, in bits a dimension: no bits per dimension of images."""

    needs = HasLatentFlow
    of = "models with a flow on latents"
    ranks = False

    def measure(self, subject):
        """ "latent_nll_per_dim"."""
        nats = subject.once(mean_loss_terms)["latent_nll"]
        bits = nats / (math.log(2) * subject.model.latent_size)
        return {"latent_nll_per_dim": metric(bits, "bits", "latent_nll / latent size", "lower")}
