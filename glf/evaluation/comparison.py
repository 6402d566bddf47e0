"""Methods side by side: what each metric says of them over their seeds."""

import dataclasses
import itertools
import math

from glf.evaluation.differences import CONFIDENCE, RULE, Spread, difference
from glf.evaluation.registry import EVALUATORS

NOT_ASKED_FOR = "not asked for"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One metric of several methods.

    Attributes:
      name, unit: of the metric.
      better: "lower", "higher" or None.
      meanings: {what it is: labels of the methods of which it is that}.
      ranked: whether it tells better methods from worse.
      spreads: {label: `Spread`}, of the methods that have it.
      values: {label: {seed: value}}.
      missing: {label: why a method, or some of its runs, has none}.
      best: the label of the method with the best mean; None where none is better.
      differences: {(label, other label): `Difference`} of each pair with finite values.
    """

    name: str
    unit: str
    better: str | None
    meanings: dict
    ranked: bool
    spreads: dict
    values: dict
    missing: dict
    best: str | None
    differences: dict

    def against_best(self, label):
        """The `Difference` of a method to the best one; None for itself and without a best."""
        if self.best is None or label == self.best:
            return None
        if (label, self.best) in self.differences:
            return self.differences[label, self.best]
        return negated(self.differences.get((self.best, label)))

    def constant(self):
        """Whether all runs have the same value of it."""
        values = {value for own in self.values.values() for value in own.values()}
        return len(values) == 1 and not self.missing


def negated(found):
    """A `Difference` the other way round."""
    if found is None:
        return None
    ends = (None, None) if found.low is None else (-found.high, -found.low)
    return dataclasses.replace(found, mean=-found.mean, low=ends[0], high=ends[1])


def compare(methods):
    """[`Comparison`] of every metric that a run of `Method`s has, in the evaluators' order."""
    runs = [run for method in methods for run in method.runs]
    evaluators = {}
    for run in runs:
        for evaluator, names in run.measured.items():
            for name in names:
                evaluators.setdefault(name, []).append(evaluator)
    places = {name: i for i, name in enumerate(EVALUATORS)}

    def turn(name):
        return min((places.get(e, len(places)) for e in evaluators.get(name, ())), default=999)

    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    return [_of_metric(n, methods, set(evaluators.get(n, ()))) for n in sorted(names, key=turn)]


def _of_metric(name, methods, evaluators):
    values, meanings, missing, about = {}, {}, {}, None
    for method in methods:
        if own := method.values(name):
            values[method.label] = own
        for run in method.runs:
            if name in run.metrics:
                about = about or run.metrics[name]
                labels = meanings.setdefault(run.metrics[name]["meaning"], [])
                labels += [method.label] * (method.label not in labels)
        if lacking := [run for run in method.runs if name not in run.metrics]:
            missing[method.label] = _why(lacking, method, evaluators)
    spreads = {label: Spread.of(own.values()) for label, own in values.items()}
    finite = {label: s.mean for label, s in spreads.items() if s.mean is not None}
    # A metric of no evaluator, such as one that an earlier version wrote, is not ranked.
    ranked = any(EVALUATORS[e].ranks for e in evaluators if e in EVALUATORS)
    best, better = None, about.get("better")
    if ranked and better and len(methods) > 1 and finite:
        best = (min if better == "lower" else max)(finite, key=finite.get)
    pairs = itertools.combinations(finite, 2)
    differences = {(a, b): difference(values[a], values[b]) for a, b in pairs}
    return Comparison(
        *(name, about["unit"], better, meanings, ranked),
        *(spreads, values, missing, best, differences),
    )


def _why(lacking, method, evaluators):
    """Why runs of a method lack a metric."""
    reasons = set()
    for run in lacking:
        refusals = {run.refused[e] for e in evaluators if e in run.refused}
        given = evaluators <= set(run.measured)
        reasons |= refusals or ({"no such term"} if given else {NOT_ASKED_FOR})
    seeds = ", ".join(str(run.seed) for run in lacking)
    of = "" if len(lacking) == len(method.runs) else f"seed {seeds}: "
    return of + "; ".join(sorted(reasons))


def differently_asked(methods):
    """What was not asked of all evaluations alike, as sentences.

    A metric that depends on it, on a number of samples for instance, does not compare.
    """
    asked = {}
    for run in (run for method in methods for run in method.runs):
        for name, value in run.asked.items():
            if name not in ("only", "batch_size", "checkpoint"):
                asked.setdefault(name, {}).setdefault(repr(value), []).append(run.folder)
    return [
        f"{name} was {' but '.join(f'{v} for {_some(f)}' for v, f in values.items())}: metrics "
        "that depend on it do not compare; give it here to measure all runs alike."
        for name, values in asked.items()
        if len(values) > 1
    ]


def _some(folders):
    rest = len(folders) - 2
    return ", ".join(folders[:2]) + (f" and {rest} more" if rest > 0 else "")


def document(methods, comparisons, split):
    """All of a comparison as what JSON can hold; what is not finite is null."""
    return {
        "split": split,
        "confidence": CONFIDENCE,
        "rule": RULE,
        "methods": [_method(method) for method in methods],
        "metrics": {found.name: _metric(found) for found in comparisons},
    }


def _method(method):
    runs = [
        {
            **{n: getattr(r, n) for n in ("folder", "seed", "step", "finished", "seconds")},
            "metrics": {name: _finite(metric["value"]) for name, metric in r.metrics.items()},
            "refused": r.refused,
            "asked": r.asked,
            "notes": r.notes,
        }
        for r in method.runs
    ]
    return {"label": method.label, "differing": method.differing, "runs": runs}


def _metric(found):
    pairs = [
        {"of": of, "less": less, **dataclasses.asdict(value)}
        for (of, less), value in found.differences.items()
    ]
    return {
        **{n: getattr(found, n) for n in ("unit", "better", "ranked", "meanings", "best")},
        "methods": {
            n: {**dataclasses.asdict(s), "n": len(found.values[n])}
            for n, s in found.spreads.items()
        },
        "missing": found.missing,
        "differences": pairs,
    }


def _finite(value):
    return value if math.isfinite(value) else None


def records(methods):
    """Every value of every run, as rows of a table whose first row names the columns."""
    head = ("method", "run", "seed", "step", "metric", "value", "unit", "better", "meaning")
    rows = [head]
    for method in methods:
        for run in method.runs:
            place = (method.label, run.folder, run.seed, run.step)
            for name, m in run.metrics.items():
                rows.append(
                    (*place, name, m["value"], m["unit"], m.get("better", ""), m["meaning"])
                )
            if run.seconds is not None:
                rows.append((*place, "seconds", run.seconds, "s", "", "of training"))
    return rows
