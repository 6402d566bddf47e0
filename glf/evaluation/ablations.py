"""What metrics are along a number that was swept: a curve for runs that are otherwise the same."""

import dataclasses
import math
import re

from glf.evaluation import charts
from glf.evaluation.page import Figure

# A curve has so many places at least.
FEWEST = 3


@dataclasses.dataclass(frozen=True)
class Ablation:
    """Methods that differ in one number.

    Attributes:
      parameter: the one that has it.
      series: {label: [(number, `Method`), ...]}, by number, of methods that share all else.
    """

    parameter: str
    series: dict


def ablations(methods):
    """The `Ablation`s of `Method`s: for each parameter with three numbers or more in a series."""
    found = []
    for parameter in sorted({key for method in methods for key in method.differing}):
        groups = {}
        for method in methods:
            number = _number(method.differing.get(parameter))
            if number is not None:
                rest = {k: v for k, v in method.differing.items() if k != parameter}
                groups.setdefault(tuple(sorted(rest.items())), []).append((number, method))
        groups = [sorted(g, key=lambda each: each[0]) for g in groups.values() if len(g) >= FEWEST]
        if groups:
            labels = _labels([group[0][1].label for group in groups], parameter)
            found.append(Ablation(parameter, dict(zip(labels, groups, strict=True))))
    return found


def figures(ablation, comparisons, title):
    """A `Figure` for each of some `Comparison`s that the methods of an ablation have.

    Means over seeds, and a band from the least to the greatest.

    Args:
      ablation: an `Ablation`.
      comparisons: of the metrics that are wanted.
      title: called with a comparison; what its axis is called.
    """
    found = []
    for comparison in comparisons:
        lines = []
        for number, places in enumerate(ablation.series.values()):
            line = [
                (x, min(values), sum(values) / len(values), max(values))
                for x, method in places
                if (values := _finite(method.values(comparison.name).values()))
            ]
            if len(line) >= FEWEST:
                lines.append((number, line, False))
        if lines:
            about = f"{comparison.name} against {ablation.parameter}"
            svg = charts.curves(lines, ablation.parameter, title(comparison), about)
            found.append(Figure(about, svg=svg))
    return found


def _number(text):
    """The number that a binding is, or None."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _finite(values):
    return [value for value in values if math.isfinite(value)]


def _labels(labels, parameter):
    """The labels without what they say of the parameter; as they are where that is ambiguous."""
    pattern = rf"[-_,./ ]*{re.escape(parameter)} ?= ?[^,/ ]*"
    bare = [re.sub(pattern, "", label).strip(" ,/") or "all else equal" for label in labels]
    return bare if len(set(bare)) == len(bare) else labels
