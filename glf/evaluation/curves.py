"""Training curves of several methods: what their logs say, over their seeds."""

import math

from glf.evaluation import charts, conditioning
from glf.evaluation.page import Figure

# Lines of logs that are shown one by one; longer logs are averaged in as many pieces.
MOST_POINTS = 150
_NOT_SHOWN = ("gradient_norm/", "learning_rate/", conditioning.NAME)
TRAIN = "train"


def curve_figures(methods, units):
    """A `Figure` for each term that a log of a run has, against the step.

    Args:
      methods: `Method`s.
      units: {term: unit}, of those that are known.
    """
    terms = {}
    for method in methods:
        for run in method.runs:
            for log, records in run.logs.items():
                for record in records:
                    for term in record:
                        if term != "step" and not term.startswith(_NOT_SHOWN):
                            terms.setdefault(term, set()).add(log)
    figures = []
    for term, logs in terms.items():
        lines = []
        for number, method in enumerate(methods):
            for log in sorted(logs, key=lambda log: log != TRAIN):
                if line := over_seeds([run.logs.get(log, []) for run in method.runs], term):
                    lines.append((number, line, log == TRAIN and len(logs) > 1))
        if lines:
            title = ", ".join(filter(None, (term, units.get(term))))
            about = f"{term} against the step of training"
            figures.append(Figure(about, svg=charts.curves(lines, "step", title, about)))
    return figures


def over_seeds(logs, term):
    """[(step, least, mean, greatest)] of a term over the logs of several seeds.

    Steps are those that any of the logs has; what is not finite is left out. Of logs of more than
    150 lines as many pieces are averaged.

    Args:
      logs: for each seed its records, {"step", term: value}.
      term: the name of the value.
    """
    at = {}
    for records in logs:
        for step, value in _thinned(
            [(r["step"], r[term]) for r in records if math.isfinite(r.get(term, math.nan))]
        ):
            at.setdefault(step, []).append(value)
    return [(s, min(v), math.fsum(v) / len(v), max(v)) for s, v in sorted(at.items())]


def _thinned(points):
    size = math.ceil(len(points) / MOST_POINTS)
    pieces = [points[i : i + size] for i in range(0, len(points), size)] if points else []
    return [(piece[-1][0], math.fsum(v for _, v in piece) / len(piece)) for piece in pieces]
