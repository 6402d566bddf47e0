"""Signatures of exports: functions of tensors, with words for those who load them."""

import collections.abc
import typing

import tensorflow as tf


class Value(typing.NamedTuple):
    """A tensor that a function takes or gives.

    Attributes:
      spec: its `tf.TensorSpec`, a batch or a scalar.
      about: what else is known of it, words that follow its type and shape.
    """

    spec: tf.TensorSpec
    about: str = ""

    def __str__(self):
        shape = ", ".join("batch" if size is None else str(size) for size in self.spec.shape)
        return f"{self.spec.dtype.name} [{shape}]{self.about}"


LOG_PROB = {"log_prob": Value(tf.TensorSpec([None], tf.float32), ", in nats")}


class Signature(typing.NamedTuple):
    """A function of an export.

    Attributes:
      function: gives {output: tensor}; its name and those of its arguments are the export's.
      does: a sentence.
      takes: {argument: `Value`}, in order.
      gives: {output: `Value`}.
    """

    function: collections.abc.Callable
    does: str
    takes: dict
    gives: dict


class Ability:
    """Something that only some models can do: a small abstract class beside `GenerativeModel`."""

    def export_signatures(self):
        """The `Signature`s of an export, each ability's after those of the class before it."""
        return []
