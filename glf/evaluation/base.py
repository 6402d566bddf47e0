"""Evaluators, and what they measure: one model on one split."""

import abc
import inspect

from glf.core.shares import ALONE

BATCH_SIZE = 256


class Subject:
    """A model on one split of a dataset, and what evaluators share of it.

    Args:
      model: a `GenerativeModel`.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      batch_size: examples at a time; None: as many as suit each evaluator.
      seed: of all noise.
      show: called with the name and the uint8 pixels of each picture; None: none is made.
      shares: those who measure together, see `glf.core.shares`.
    """

    def __init__(
        self, model, dataset, split="test", batch_size=None, seed=0, show=None, shares=ALONE
    ):
        self.model, self.dataset, self.split = model, dataset, split
        self.batch_size, self.seed, self.show = batch_size, seed, show
        self.shares = shares
        self._made = {}

    def once(self, make):
        """`make(self)`, computed when the first evaluator asks and kept for the others."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def batches(self):
        """Each example of the split once, a batch at a time."""
        return self.dataset.eval_batches(self.split, self.batch_size or BATCH_SIZE)


class Evaluator(abc.ABC):
    """Something that can be measured of some models, or on some data.

    Its options are its constructor's arguments, all with defaults. They become arguments of
    `evaluate` and, with what the class says of them under "Args:", flags of programs: see
    `glf.evaluation.options`, which reads their default as a literal. A default () is a list of
    integers, a list of words holds the words it is unless told otherwise, 0 and None are integers,
    "" is a word.

    Options that several evaluators share are those of a class that they are made on: each of them
    gets what is given. A constructor with further ones hands them on, `**shared`.

    Attributes:
      shared: whether several processes measure it together, by the subject's `shares`; else the
        first one does alone.
      needs: the class, an ability, that a model must be of.
      of: such models in words.
      switch: the option that asks for it, where it is not measured of itself.
      shows: whether it makes pictures, by the subject's `show`.
      ranks: whether its metrics tell better models from worse: what a method's own loss is made
        of, and errors of rounding, do not.
    """

    shared = False
    needs = object
    of = "all models"
    switch = None
    shows = False
    ranks = True

    @classmethod
    def takes(cls):
        """{option: default}: the constructor's, and those that it hands on to its base's."""
        found = {}
        for made in cls.__mro__:
            if "__init__" not in vars(made) or made is object:
                continue
            arguments = list(inspect.signature(made.__init__).parameters.values())[1:]
            found |= {a.name: a.default for a in arguments if a.kind is not a.VAR_KEYWORD}
            if all(a.kind is not a.VAR_KEYWORD for a in arguments):
                break
        return found

    @property
    def requested(self):
        """Whether the options ask for it."""
        return self.switch is None or bool(getattr(self, self.switch))

    def refusal(self, subject):
        """Why this cannot be measured, as the rest of "It is ..."; None where it can."""
        if isinstance(subject.model, self.needs):
            return None
        return not_for(self.of, type(subject.model).__name__)

    @abc.abstractmethod
    def measure(self, subject):
        """{name: `glf.evaluation.report.metric`} of a `Subject`, every example counted once.

        A name that an earlier evaluator gave stands for the same number, with more said of it.
        """


def not_for(of, model):
    """Why something for models `of` cannot be measured of a class `model`."""
    return f"for {of}; a {model} is none of them"
