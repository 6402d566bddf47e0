"""Importance-weighted bounds of a likelihood: tighter than the one that was trained."""

import numpy as np
import scipy.special
import tensorflow as tf

from glf.core import random
from glf.evaluation.loss_terms import MeanLossTerms
from glf.models.base import conditions_of


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

    Raises:
      ValueError: if a K is below 1.
    """

    def __init__(self, model, num_samples=(1, 8), batch_size=256):
        super().__init__(model, batch_size)
        self.num_samples = sorted(set(num_samples))
        if not self.num_samples or self.num_samples[0] < 1:
            raise ValueError(
                f"The numbers of importance samples must be at least 1, got {list(num_samples)}."
            )
        self._weights = tf.function(self._log_weights, jit_compile=True, autograph=False)

    def _log_weights(self, batch, seed):
        conditions = conditions_of(self.model, batch)
        return self.model.log_weights(batch["image"], seed, **conditions)[0]

    def _evaluate(self, batch, seed):
        """{"nll_iw1": [batch_size], ...} in nats."""
        largest = self.num_samples[-1]
        weights = [self._weights(batch, random.fold(seed, k)).numpy() for k in range(largest)]
        weights = np.stack(weights).astype("float64")
        return {f"nll_iw{k}": -importance_weighted(weights, k) for k in self.num_samples}


def importance_weighted(log_weights, k):
    """Estimates of IW-k from log-weights [K, ...]: the mean over floor(K / k) groups, [...]."""
    groups = len(log_weights) // k
    grouped = log_weights[: groups * k].reshape(groups, k, *log_weights.shape[1:])
    return np.mean(scipy.special.logsumexp(grouped, axis=1) - np.log(k), axis=0)
