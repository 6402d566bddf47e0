"""Densities of latents, a dimension."""

import math

import numpy as np

from glf.evaluation.base import Evaluator, not_for
from glf.evaluation.loss_terms import mean_loss_terms, require_examples
from glf.evaluation.report import metric
from glf.models.abilities import HasLatentDensity, HasLatentFlow
from glf.models.fitted_after import FittedAfter


class LatentDensity(Evaluator):
    """-log p(z) of a flow on latents, or of a prior fitted to them, also in bits a dimension.

    It is no likelihood of images, and the latents of another encoder are other latents, as are
    those with more noise.
    """

    needs = HasLatentDensity
    of = "models with a flow on latents, or a prior that is fitted to them"
    ranks = False
    shared = True

    def refusal(self, subject):
        """Models whose prior does not follow their encoder, too."""
        if isinstance(subject.model, (HasLatentFlow, FittedAfter)):
            return super().refusal(subject)
        return not_for(self.of, type(subject.model).__name__)

    def measure(self, subject):
        """ "latent_nll" and "latent_nll_per_dim"."""
        nats = subject.once(mean_loss_terms).get("latent_nll")
        # What is fitted is no term of a loss.
        nats = mean_latent_nll(subject) if nats is None else nats
        bits = nats / (math.log(2) * math.prod(subject.model.latent_spec.shape[1:]))
        about = subject.model.meanings["latent_nll"]
        return {
            "latent_nll": metric(nats, "nats", about, "lower"),
            "latent_nll_per_dim": metric(bits, "bits", "latent_nll / number of latents", "lower"),
        }


def mean_latent_nll(subject):
    """The mean of -log p(z) over the latents of a `Subject`'s split, in nats."""
    require_examples(subject.dataset, subject.split)
    model = subject.model

    def make(_, batch):
        log_prob = model.latent_log_prob(model.encode(batch["x"]), model.condition_of(batch))
        return {"log_prob": log_prob.numpy().astype(np.float64)}

    found = subject.shares.over("latent_nll", subject.batches, make)
    return -float(np.concatenate([each["log_prob"] for each in found]).mean())
