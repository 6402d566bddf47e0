"""The means of a model's own loss terms over a split: training's numbers, in inference mode."""

import tensorflow as tf

from glf.core import random


class MeanLossTerms:
    """Means of `model.loss_terms` over a split, every example once, summed in float64.

    The last batch is filled up to full size and its surplus rows are left out of the sums, so
    that one compiled program serves all batches; in inference mode no example depends on another.
    """

    def __init__(self, model, batch_size=256):
        self.model = model
        self.batch_size = batch_size
        self._terms = tf.function(self._padded, jit_compile=True, autograph=False)

    def __call__(self, dataset, split, seed=0):
        """Returns {term: mean over the split}, in nats per example."""
        seed = random.fold(seed, "evaluation", split)
        sums, count = {}, 0
        for index, batch in enumerate(dataset.eval_batches(split, self.batch_size)):
            x = batch["image"]
            rows = int(x.shape[0])
            padding = [[0, self.batch_size - rows]] + [[0, 0]] * (x.shape.rank - 1)
            terms = self._terms(tf.pad(x, padding), random.fold(seed, index))
            for name, values in terms.items():
                total = values.numpy()[:rows].astype("float64").sum()
                sums[name] = sums.get(name, 0.0) + total
            count += rows
        if not count:
            raise ValueError(
                f"The split {split!r} of {dataset.name} is empty; nothing to evaluate."
            )
        return {name: float(total / count) for name, total in sums.items()}

    def _padded(self, x, seed):
        return self.model.loss_terms(x, seed, training=False)
