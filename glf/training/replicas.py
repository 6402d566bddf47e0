"""Training steps on all replicas of a strategy: their results, and steps that all skip or none."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from glf.core import random


def own_seed(seed, replicas):
    """A seed of this replica's own; of one that is alone, the seed itself."""
    if replicas == 1:
        return seed
    context = tf.distribute.get_replica_context()
    return random.fold(seed, context.replica_id_in_sync_group)


def first_of(strategy, results):
    """The first replica's of a dictionary of results."""
    local = strategy.experimental_local_results
    return {name: local(value)[0] for name, value in results.items()}


@dataclasses.dataclass(frozen=True)
class GuardedStep:
    """A step of float16 on several replicas: all of them skip it, or none.

    They decide by sums of gradients, the same on each. Replicas may not meet within a condition, as
    optimizers have them: so it stands around what they do.

    Attributes:
      strategy: a `tf.distribute.Strategy`.
      loss_scale: a `LossScale`.
      gradients: of a replica's (batch, step): sums of all replicas' gradients, their norms, loss
        terms, and what only `after` knows.
      apply: of (gradients, norms): changes weights.
      after: of (batch, step, loss terms, what only it knows): whatever follows, skipped or not;
        gives results.
    """

    strategy: object
    loss_scale: object
    gradients: Callable
    apply: Callable
    after: Callable

    def __call__(self, batch, step):
        """Results of the first replica, with those of `LossScale.guarded`."""
        run = self.strategy.run
        gradients, norms, terms, own = run(self.gradients, args=(batch, step))

        def apply():
            run(self.apply, args=(gradients, norms))

        first = first_of(self.strategy, norms)
        states = self.loss_scale.guarded(first, apply, lambda: None)
        results = run(self.after, args=(batch, step, terms, own))
        return first_of(self.strategy, results) | states
