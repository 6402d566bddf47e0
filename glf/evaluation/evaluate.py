"""The one evaluator of all: what a model can do decides what is measured."""

import dataclasses

import numpy as np

from glf.evaluation.base import Subject
from glf.evaluation.loss_terms import require_examples
from glf.evaluation.registry import EVALUATORS
from glf.evaluation.report import metric


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What evaluators found, and which of them.

    Attributes:
      metrics: {name: {"value", "unit", "meaning"}}, see `glf.evaluation.report.metric`.
      measured: {evaluator: names of its metrics}.
      refused: {evaluator: why it is not for this model or these data, the rest of "It is ..."}.
    """

    metrics: dict
    measured: dict
    refused: dict


def evaluate(
    model, dataset, split="test", batch_size=None, seed=0, *, only=(), show=None, **options
):
    """Measures `model` on every example of a split once.

    Each evaluator of `glf.evaluation.registry` that applies has its turn. Loss terms are those of
    training, in inference mode. A likelihood of the data is given in nats and in bits per
    dimension, and named exact or as the bound it is. A density of points is given in nats alone
    and, where the generating density is known, held against it on the very same points.
    Reconstruction error is measured on the [0, 1] scale before rounding to levels. Of discrete
    codes the share that is used and the perplexity are counted over the whole split. Of a flow the
    first 256 examples are taken to the base and back, and of its learned matrices the one that is
    inverted with the largest error is named. What costs much is measured where an option asks for
    it.

    Args:
      model: a `GenerativeModel`.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      batch_size: examples at a time; None: 256, and 64 where each has several samples.
      seed: of the noise that a loss or samples need.
      only: names of evaluators; none: all of them.
      show: called with (name, uint8 pixels) of each picture that evaluators make, or None.
      **options: of evaluators, their constructors' arguments: `importance_samples`, for example,
        see `glf.evaluation.importance_weights.ImportanceWeights`.

    Returns {name: {"value", "unit", "meaning", "better"}}, see `glf.evaluation.report.metric`.

    Raises:
      ValueError: if the split is empty, an option is unknown, or one is given, or an evaluator
        named, that does not apply to this model and these data.
    """
    subject = Subject(model, dataset, split, batch_size, seed, show)
    return outcome(subject, only, options).metrics


def outcome(subject, only=(), options=None, strict=True):
    """The `Outcome` of evaluating a `Subject`.

    Of several processes that share it the first one's: the others measure what is shared alone.

    Args:
      subject: the `Subject`.
      only: names of evaluators, as of `evaluate`.
      options: {name: value}, as of `evaluate`.
      strict: whether an option that does not apply is an error, as of `evaluate`; else it is
        passed over.

    Raises:
      ValueError: as of `evaluate`.
    """
    require_examples(subject.dataset, subject.split)
    chosen, refused = _chosen(subject, only, options or {}, strict)
    metrics, measured = {}, {}
    for name, evaluator in chosen.items():
        if subject.shares.number and not evaluator.shared:
            continue
        found = evaluator.measure(subject)
        metrics |= found
        measured[name] = list(found)
    if not only:
        count = subject.dataset.num_examples(subject.split)
        metrics["examples"] = metric(count, "", "how many examples, each counted once")
    return Outcome(metrics, measured, refused)


def check_request(only, options):
    """Refuses evaluators and options that there are not; {evaluator: what it takes}.

    Raises:
      ValueError: that says which there are.
    """
    takes = {name: made.takes() for name, made in EVALUATORS.items()}
    _require_known("evaluator", only, EVALUATORS)
    _require_known("option", options, sorted({name for own in takes.values() for name in own}))
    return takes


def check_only(only, options):
    """Refuses names of evaluators that there are not, or that the options do not ask for.

    Raises:
      ValueError: that says which there are, or which option is missing.
    """
    takes = check_request(only, options)
    for name in only:
        evaluator = EVALUATORS[name](**{o: options[o] for o in takes[name] if o in options})
        if not evaluator.requested:
            raise ValueError(f"{name} is measured where {evaluator.switch} asks for it.")


def _chosen(subject, only, options, strict):
    """({name: evaluator} that apply and are asked for, {name: why not}); errors as of `evaluate`.

    What is only not asked for is not among the second.
    """
    takes = check_request(only, options)
    chosen, refused, unasked, used = {}, {}, {}, set()
    for name in only or EVALUATORS:
        own = {o: options[o] for o in takes[name] if o in options and _is_given(options[o])}
        evaluator = EVALUATORS[name](**own)
        refusal = evaluator.refusal(subject)
        if refusal is not None:
            refused[name] = refusal
        elif evaluator.requested:
            chosen[name] = evaluator
            used |= set(own)
        else:
            unasked[name] = f"measured where {evaluator.switch} asks for it"
        if strict and name in only and name not in chosen:
            raise ValueError(f"{name} is {(refused | unasked)[name]}.")
    reasons = refused | unasked
    for option in sorted(set(filter(lambda o: _is_given(options[o]), options)) - used):
        why = _grouped({n: reasons.get(n, "not asked for") for n in takes if option in takes[n]})
        if strict:
            raise ValueError(f"{option} has no use here: {why}.")
    return chosen, refused


def _grouped(reasons):
    """The reasons in words, those who share one together."""
    names = {why: [n for n in reasons if reasons[n] == why] for why in reasons.values()}
    return "; ".join(
        f"{', '.join(some)} {'is' if len(some) == 1 else 'are'} {why}"
        for why, some in names.items()
    )


def _require_known(kind, names, known):
    for name in names:
        if name not in known:
            raise ValueError(f"There is no {kind} {name!r}; choose from {', '.join(known)}.")


def _is_given(value):
    """Whether an option asks for something: None, 0, "" and no numbers at all do not."""
    if value is None or value is False or isinstance(value, str):
        return bool(value)
    return np.size(value) > 0 and value != 0
