"""Several samples for each condition of a split, a batch at a time."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.models.base import conditions_of


def check_positive(**numbers):
    """Checks numbers that users give by name; None stands for a default.

    Raises:
      ValueError: if one is below 1.
    """
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")


def batches_of_samples(model, dataset, split, num_samples, seed=0, examples=None, batch_size=64):
    """Yields (batch, conditions, samples) over a split, each example once.

    Every batch is drawn at full size, its last rows repeated where it is short, so that one
    program serves all.

    Args:
      model: a conditional model, with `sample(num, seed, condition=)`.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      num_samples: S, samples for each example.
      seed: of the samples.
      examples: how many of the split, from its first on; None: all.
      batch_size: examples at a time.

    Yields:
      batch: {"image", ...} of n examples, NumPy arrays.
      conditions: what the model was given for them, [n, ...].
      samples: uint8 [S, n, height, width, channels].

    Raises:
      ValueError: if a number is not positive, or the split is empty.
    """
    check_positive(num_samples=num_samples, batch_size=batch_size, examples=examples)
    available = dataset.num_examples(split)
    count = available if examples is None else min(examples, available)
    if count < 1:
        raise ValueError(f"No examples of the split {split!r} of {dataset.name} to draw for.")
    size = min(batch_size, count)
    seed = random.fold(seed, "conditional samples", split)
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        whole = dataset.examples(split, rows)
        condition = tf.convert_to_tensor(conditions_of(model, whole)["condition"])
        drawn = [
            np.asarray(model.sample(size, random.fold(seed, start, i), condition=condition))
            for i in range(num_samples)
        ]
        n = min(size, count - start)
        batch = {name: np.asarray(values)[:n] for name, values in whole.items()}
        yield batch, condition.numpy()[:n], np.stack(drawn)[:, :n]


class Means:
    """Running means of numbers of examples, in float64."""

    def __init__(self):
        self._sums, self._counts = {}, {}

    def add(self, name, values):
        """Adds the numbers of some examples, any shape; none at all change nothing."""
        values = np.asarray(values, np.float64)
        if not values.size:
            return
        self._sums[name] = self._sums.get(name, 0.0) + values.sum()
        self._counts[name] = self._counts.get(name, 0) + values.size

    def __contains__(self, name):
        return name in self._sums

    def __getitem__(self, name):
        return float(self._sums[name] / self._counts[name])
