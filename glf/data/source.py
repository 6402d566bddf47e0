"""The examples of a source with their description, and how missing splits are cut from train."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from absl import logging

from glf.core.checks import check_at_least
from glf.data import noise

SPLITS = ("train", "validation", "test")


class Table:
    """A stored array of images, decoded at first use.

    Args:
      name: tells the tables of one source apart.
      count: the number of examples.
      load: returns (uint8 [count, h, w, c], int32 labels [count] or None), and behind them uint8
        conditions [count, h', w', c'] where images come in pairs. Points of continuous data,
        float32 [count, d], stand in the place of images.
    """

    def __init__(self, name, count, load: Callable):
        self.name = name
        self.count = count
        self._load = load

    @functools.cached_property
    def arrays(self):
        """(images, labels[, conditions]), loaded once."""
        return self._load()


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Some rows of a table, in order."""

    table: Table
    rows: np.ndarray

    @classmethod
    def whole(cls, table):
        """All rows of `table`."""
        return cls(table, np.arange(table.count))

    def take(self, positions):
        """The split of the rows at `positions`, in stored order."""
        return Split(self.table, self.rows[np.sort(positions)])


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Images with their description, before binarization and augmentation.

    Attributes:
      name: what the user asked for.
      shape: of x, (height, width, channels), or (d,) for points.
      levels: values are in {0..levels-1}; None for points, which are float32.
      num_classes: None when unlabelled.
      splits: {"train", "validation", "test"} to `Split`.
      sample_rate: in Hz, of waveforms [samples, 1, 1] in mu-law levels; None for images.
      condition_shape: (height, width, channels) of the image each example is paired with, or None.
      condition_levels: its values are in {0..condition_levels-1}.
      place: the arguments of `make_dataset` with which the same data are found from any working
        directory: {"data_path": ...} or {"data_dir": ...}, absolute; {} for what is embedded.
      content: what is stored, as `glf.data.content` describes it; {} for what is made here.
      density: where points are drawn from, a `glf.data.densities.Density`; training then draws
        fresh points at every step instead of those of the train split. None: there is only what
        is stored.
      windows: the `glf.data.patches.Patches` that the splits have the grid's patches of; training
        then draws windows of their images. None: examples are trained on as they are.
    """

    name: str
    shape: tuple[int, ...]
    levels: int | None
    num_classes: int | None
    splits: dict[str, Split]
    sample_rate: int | None = None
    condition_shape: tuple[int, int, int] | None = None
    condition_levels: int | None = None
    density: object = None
    windows: object = None
    place: dict[str, str] = dataclasses.field(default_factory=dict)
    content: dict = dataclasses.field(default_factory=dict)


def counts_of_generated(usual, num_examples, validation_examples):
    """How many examples of each split are made.

    Args:
      usual: {split: number} where nothing else is asked for.
      num_examples: of the train split, at least 1, or None.
      validation_examples: of the validation split, or None.

    Raises:
      ValueError: if `num_examples` is no such number.
    """
    if num_examples is not None:
        check_at_least("num_examples", num_examples, 1)
    asked = {"train": num_examples, "validation": validation_examples}
    return usual | {split: count for split, count in asked.items() if count is not None}


def complete_splits(name, splits, validation_examples=None):
    """Returns `splits` with train, validation and test, cut from what there is.

    Where there is a validation split but no test split, the papers report on the former, so it
    becomes the test split. A missing test split is a tenth of train, at most 5000 examples. A
    missing validation split is `validation_examples` of train, by default the same share. Who
    goes where is a Philox permutation with a fixed key, whatever the training seed.

    Args:
      name: of the dataset, for messages.
      splits: {name: Split}, with "train" at least.
      validation_examples: how many examples to cut; None for min(5000, a tenth of train).

    Raises:
      ValueError: without a train split; when `validation_examples` is given though the dataset
        has its own validation and test splits; when no training examples would be left.
    """
    names = sorted(splits)
    splits = {k: v for k, v in splits.items() if k in SPLITS and len(v.rows)}
    if "train" not in splits:
        raise ValueError(f"{name!r} needs a train split with examples; its splits are {names}.")
    if "test" not in splits and "validation" in splits:
        logging.info("%s: has no test split; its validation split is the one to test on", name)
        splits["test"] = splits.pop("validation")
    if "test" not in splits:
        count = _share(splits["train"])
        splits["train"], splits["test"] = _cut(name, splits["train"], count, "test")
    if "validation" not in splits:
        count = _share(splits["train"]) if validation_examples is None else validation_examples
        splits["train"], splits["validation"] = _cut(name, splits["train"], count, "validation")
    elif validation_examples is not None:
        raise ValueError(
            f"{name!r} has its own validation split of {len(splits['validation'].rows)} examples, "
            f"so validation_examples={validation_examples} has nothing to cut; leave it out."
        )
    return {key: splits[key] for key in SPLITS}


def _share(split):
    return min(5000, max(1, len(split.rows) // 10))


def _cut(name, split, count, purpose):
    available = len(split.rows)
    if not 0 <= count < available:
        raise ValueError(
            f"{name!r}: cannot cut {count} {purpose} examples from {available} training examples "
            f"and leave some to train on; give validation_examples below {available}."
        )
    order = noise.permutation(available, "split", purpose)
    return split.take(order[count:]), split.take(order[:count])
