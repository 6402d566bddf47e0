"""Several samples for each condition of a split, a batch at a time, and what is made of them."""

import abc
import functools

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.core.shares import ALONE
from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric

BATCH_SIZE = 64


class ConditionalSamples(Evaluator):
    """Compares samples of a model that is conditioned on images with the examples themselves.

    Args:
      conditional_samples: Also draw so many samples for each image that a model is conditioned on,
        and compare them with what belongs to it: super-resolution and segmentation.
      examples: For how many examples of the split, from its first on. Default: all.
      picture_rows: Rows of the picture of such samples.

    Raises:
      ValueError: if a number is not positive.
    """

    switch = "conditional_samples"
    shows = True
    shared = True

    def __init__(self, conditional_samples=0, examples=None, picture_rows=8):
        self.conditional_samples = conditional_samples
        self.examples, self.picture_rows = examples, picture_rows
        check_positive(examples=examples, picture_rows=picture_rows)

    def measure(self, subject):
        """The metrics of the samples, and the number of examples that they were drawn for."""
        model, means, shown, count = subject.model, Means(), [], 0
        for batch, condition, drawn in batches_of_samples(
            model,
            subject.dataset,
            subject.split,
            self.conditional_samples,
            subject.seed,
            self.examples,
            subject.batch_size or BATCH_SIZE,
            subject.shares,
        ):
            columns = self._compare(means, model.spec, batch["x"], condition, drawn)
            if (missing := self.picture_rows - count) > 0:
                shown.append([column[:missing] for column in columns])
            count += len(condition)
        if subject.show is not None:
            columns = [np.concatenate(column) for column in zip(*shown, strict=True)]
            name = type(self).__module__.rpartition(".")[2]
            subject.show(name, self._picture(model.spec, columns))
        about = "how many examples of the split samples were drawn for"
        counted = {"sampled_examples": metric(count, "", about)}
        return self._metrics(means, model.spec) | counted

    @abc.abstractmethod
    def _compare(self, means, spec, image, condition, drawn):
        """Adds n examples to the `Means`; returns the columns of the picture, [n, ...] each."""

    @abc.abstractmethod
    def _metrics(self, means, spec):
        """The metrics of all `Means`."""

    @abc.abstractmethod
    def _picture(self, spec, columns):
        """The picture, uint8 pixels, of the columns of as many examples as it has rows."""


def condition_of(model):
    """What the condition of a model is, for messages: "image of shape (7, 7, 1)", "nothing"."""
    encoder = model.condition_encoder
    if encoder is None:
        return "nothing"
    shape = tuple(encoder.condition_spec.shape[1:])
    return f"{encoder.kind} of shape {shape}" if encoder.kind == "image" else encoder.kind


def check_positive(**numbers):
    """Checks numbers that users give by name; None stands for a default.

    Raises:
      ValueError: if one is below 1.
    """
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")


def batches_of_samples(
    model, dataset, split, num_samples, seed=0, examples=None, batch_size=BATCH_SIZE, shares=ALONE
):
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
      shares: those who draw together, see `glf.core.shares`.

    Yields:
      batch: {"x", ...} of n examples, NumPy arrays.
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

    def make(_, start):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        whole = dataset.examples(split, rows)
        condition = tf.convert_to_tensor(model.condition_of(whole))
        drawn = [
            np.asarray(model.sample(size, random.fold(seed, start, i), condition=condition))
            for i in range(num_samples)
        ]
        n = min(size, count - start)
        batch = {f"batch/{name}": np.asarray(values)[:n] for name, values in whole.items()}
        return batch | {"condition": condition.numpy()[:n], "drawn": np.stack(drawn)[:, :n]}

    starts = functools.partial(range, 0, count, size)
    for made in shares.over(f"conditional_samples-{num_samples}", starts, make):
        condition, drawn = made.pop("condition"), made.pop("drawn")
        yield {name.removeprefix("batch/"): v for name, v in made.items()}, condition, drawn


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

    def total(self, name):
        """The sum of the numbers."""
        return self._sums[name]

    def __contains__(self, name):
        return name in self._sums

    def __getitem__(self, name):
        return float(self._sums[name] / self._counts[name])
