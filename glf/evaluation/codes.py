"""Use of a discrete autoencoder's codebook."""

import numpy as np

from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric
from glf.models.abilities import HasCodes


class Codes(Evaluator):
    """Usage and perplexity of discrete codes, counted over the whole split."""

    needs = HasCodes
    of = "models with discrete codes"
    shared = True

    def measure(self, subject):
        """ "code_usage" and "code_perplexity"."""
        model = subject.model
        made = subject.shares.over(
            "codes", subject.batches, lambda _, batch: {"codes": model.encode(batch["x"])}
        )
        measured = code_metrics((each["codes"] for each in made), model.categories)
        return {
            "code_usage": metric(
                measured["usage"],
                "",
                f"share of the {model.categories} categories that occurs",
                "higher",
            ),
            "code_perplexity": metric(
                measured["perplexity"],
                "",
                "exp of the entropy of a channel's codes, mean of channels",
                "higher",
            ),
        }


def code_metrics(batches, categories):
    """Counts codes over all of `batches`, integers [batch, h, w, channels], each once.

    With p_c the frequencies of the categories in channel c over all examples and places,

      usage = mean over c of |{k: p_ck > 0}| / categories,
      perplexity = mean over c of exp(-sum_k p_ck log p_ck).

    Returns {"usage", "perplexity"}.

    Raises:
      ValueError: if there is no example.
    """
    counts = None
    for batch in batches:
        batch = np.asarray(batch)
        channels = batch.reshape(-1, batch.shape[-1]).T
        more = np.stack([np.bincount(c, minlength=categories) for c in channels])
        counts = more if counts is None else counts + more
    if counts is None or not counts.sum():
        raise ValueError("Codes can be counted of at least one example, got none.")
    p = counts / counts.sum(1, keepdims=True)
    entropy = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), 1)
    return {"usage": float((counts > 0).mean()), "perplexity": float(np.exp(entropy).mean())}
