"""A model's own loss terms over a split: training's numbers, in inference mode."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.core.shares import ALONE
from glf.evaluation.base import BATCH_SIZE, Evaluator
from glf.evaluation.report import metric


class LossTerms(Evaluator):
    """Training's own numbers in inference mode, means over the split."""

    ranks = False
    shared = True

    def measure(self, subject):
        """A metric for each term of the loss, in nats, with what the model says of it."""
        meanings = {"loss": "what training minimised, in inference mode", **subject.model.meanings}
        return {
            name: metric(value, "nats", meanings.get(name, "a term of the loss"), "lower")
            for name, value in subject.once(mean_loss_terms).items()
        }


def mean_loss_terms(subject):
    """{term: mean over the split of a `Subject`}; evaluators share it by `Subject.once`."""
    mean = MeanLossTerms(subject.model, subject.batch_size or BATCH_SIZE, subject.shares)
    return mean(subject.dataset, subject.split, subject.seed)


class MeanLossTerms:
    """Means of `model.loss_terms` over a split, every example once, summed in float64.

    The last batch is filled up to full size and its surplus rows are left out of the sums, so
    that one compiled program serves all batches; in inference mode no example depends on another.
    Where it does, `judges_batches` of the model, the last batch stays as small as it is.

    Args:
      model: a `GenerativeModel`.
      batch_size: examples at a time.
      shares: those who do the batches together, see `glf.core.shares`.

    Raises:
      ValueError: if the model is conditioned on labels and its data has none.
    """

    kind = "loss_terms"

    def __init__(self, model, batch_size=BATCH_SIZE, shares=ALONE):
        self.model = model
        self.batch_size = batch_size
        self._shares = shares
        self._inputs = model.reads
        self._terms = tf.function(self._padded, jit_compile=True, autograph=False)

    def __call__(self, dataset, split, seed=0):
        """Returns {term: mean over the split}, in nats per example."""
        sums, count = {}, 0
        for values in self._batches(dataset, split, seed):
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value.sum()
            count += len(value)
        return {name: float(total / count) for name, total in sums.items()}

    def per_example(self, dataset, split, seed=0):
        """Returns {term: float64 [examples]}, in stored order, in nats."""
        batches = list(self._batches(dataset, split, seed))
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    def _batches(self, dataset, split, seed):
        """The terms of one batch after the other, float64.

        Raises:
          ValueError: if the split is empty, or has no labels where the model needs them.
        """
        require_examples(dataset, split)
        seed = random.fold(seed, "evaluation", split)

        def make(index, batch):
            rows = int(batch["x"].shape[0])
            padded = {k: self._fill(batch[k], rows) for k in self._inputs if k in batch}
            terms = self._evaluate(padded, random.fold(seed, index))
            return {k: np.asarray(v)[:rows].astype("float64") for k, v in terms.items()}

        def batches():
            return dataset.eval_batches(split, self.batch_size)

        yield from self._shares.over(f"{self.kind}-{split}", batches, make)

    def _evaluate(self, batch, seed):
        """The terms of a padded batch, {name: [batch_size]}."""
        return self._terms(batch, seed)

    def _fill(self, values, rows):
        if self.model.judges_batches:
            return tf.convert_to_tensor(values)
        padding = [[0, self.batch_size - rows]] + [[0, 0]] * (values.shape.rank - 1)
        return tf.pad(values, padding)

    def _padded(self, batch, seed):
        condition = self.model.condition_of(batch)
        return self.model.loss_terms(batch["x"], seed, False, condition)


def require_examples(dataset, split):
    """Refuses an empty split.

    Raises:
      ValueError: if it is.
    """
    if not dataset.num_examples(split):
        raise ValueError(f"The split {split!r} of {dataset.name} is empty; nothing to evaluate.")
