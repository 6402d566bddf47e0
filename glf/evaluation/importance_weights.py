"""Importance-weighted bounds of a likelihood: tighter than the one that was trained."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.core.shares import ALONE
from glf.dequantizers import bounds
from glf.evaluation.base import BATCH_SIZE, Evaluator
from glf.evaluation.likelihood import bits_per_dim
from glf.evaluation.loss_terms import MeanLossTerms
from glf.evaluation.report import metric
from glf.models.abilities import HasBounds


class ImportanceWeights(Evaluator):
    """Bounds on the likelihood by K importance weights, see `ImportanceBounds`.

    Args:
      importance_samples: Also bound the likelihood of a pixel flow, or of a variational
        autoencoder whose decoder gives probabilities, by K importance weights.
        Repeatable; 1 is the ELBO.
    """

    needs = HasBounds
    of = "models whose likelihood is known by bounds"
    switch = "importance_samples"
    shared = True

    def __init__(self, importance_samples=()):
        self.importance_samples = importance_samples

    def measure(self, subject):
        """ "nll_iwK" in nats and "bits_per_dim_iwK" for each K."""
        model, metrics = subject.model, {}
        size = subject.batch_size or BATCH_SIZE
        means = ImportanceBounds(model, self.importance_samples, size, subject.shares)
        for name, nll in means(subject.dataset, subject.split, subject.seed).items():
            k = int(name.removeprefix("nll_iw"))
            kind = "the ELBO" if k == 1 else f"the importance-weighted bound with K = {k}"
            metrics[name] = metric(nll, "nats", f"-log P(x) of the integers x, {kind}", "lower")
            bits = bits_per_dim(nll, model.spec.shape)
            metrics[f"bits_per_dim_iw{k}"] = metric(
                bits, "bits", f"the same a dimension, {kind}", "lower"
            )
        return metrics


class ImportanceBounds(MeanLossTerms):
    """-log of means of K importance weights over a split, every example once.

      IW-K = E[log (1/K) Σ_k w_k],    E[w_k] = P(x),    IW-1 the ELBO <= IW-K <= log P(x)

    (Burda, Grosse, Salakhutdinov 2015, arXiv 1509.00519). As many weights are drawn as the largest
    K says; smaller ones take the mean over disjoint groups of them, so that all K are estimates
    from the same draws.

    Args:
      model: a `HasBounds`.
      num_samples: the values of K, each at least 1.
      batch_size: examples at a time.
      shares: as of `MeanLossTerms`.

    Raises:
      ValueError: if a K is below 1.
    """

    kind = "importance_weights"

    def __init__(self, model, num_samples=(1, 8), batch_size=BATCH_SIZE, shares=ALONE):
        super().__init__(model, batch_size, shares)
        self.num_samples = sorted(set(num_samples))
        if not self.num_samples or self.num_samples[0] < 1:
            raise ValueError(
                f"The numbers of importance samples must be at least 1, got {list(num_samples)}."
            )
        self._weights = tf.function(self._log_weights, jit_compile=True, autograph=False)

    def _log_weights(self, batch, seed):
        model, condition = self.model, self.model.condition_of(batch)
        return model.log_weights(batch["x"], seed, model.draws_at_once, condition)

    def _evaluate(self, batch, seed):
        """{"nll_iw1": [batch_size], ...} in nats."""
        largest = self.num_samples[-1]
        calls = -(-largest // self.model.draws_at_once)
        weights = [self._weights(batch, random.fold(seed, k)).numpy() for k in range(calls)]
        weights = np.concatenate(weights)[:largest].astype("float64")
        return {f"nll_iw{k}": -importance_weighted(weights, k) for k in self.num_samples}


def importance_weighted(log_weights, k):
    """Estimates of IW-k from log-weights [K, batch]: the mean over floor(K / k) groups, [batch]."""
    groups = len(log_weights) // k
    grouped = log_weights[: groups * k].reshape(groups, k, -1).swapaxes(0, 1)
    found = bounds.ImportanceWeighted(k)(grouped.reshape(k, -1))
    return np.mean(found.numpy().reshape(groups, -1), axis=0)
