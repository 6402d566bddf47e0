"""Metrics as a table for people and as JSON for programs."""

import json

from glf.core import files

DIRECTIONS = ("lower", "higher")


def metric(value, unit, meaning, better=None):
    """One metric of a report: {"value", "unit", "meaning"}, and "better" where it has a direction.

    Args:
      value: a number.
      unit: of the value, "" for none.
      meaning: what it is, in words.
      better: "lower" or "higher", what makes one model better than another by it; None where
        neither does. A checkpoint can be the best by a metric that says it.

    Raises:
      ValueError: if `better` is none of these.
    """
    if better not in (None, *DIRECTIONS):
        raise ValueError(f'A metric is better "lower", "higher" or neither (None), got {better!r}.')
    found = {"value": value, "unit": unit, "meaning": meaning}
    return found if better is None else {**found, "better": better}


def is_better(value, than, better):
    """Whether a value is better than another of the same metric, where `better` is the direction.

    A value that is not a number is never better.
    """
    return value < than if better == "lower" else value > than


def table(metrics, title):
    """Text with one metric a line: name, value, unit, meaning.

    Args:
      metrics: {name: {"value", "unit", "meaning"}}, as `evaluate` returns.
      title: the line above.
    """
    rows = [(n, f"{m['value']:.6g}", m["unit"], m["meaning"]) for n, m in metrics.items()]
    return "\n".join([title, "", columns([("metric", "value", "unit", "meaning"), *rows], "<><<")])


def columns(rows, alignment):
    """Text with a line a row, whose cells stand below each other, two spaces apart.

    Args:
      rows: of texts, all as many.
      alignment: a letter a column, "<" for flush left and ">" for flush right; the last one is that
        of all further columns.
    """
    sides = alignment + alignment[-1] * (len(rows[0]) - len(alignment))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def read_metrics(path):
    """What a JSON file of metrics holds, {split: ...} as of `update_metrics`; {} without a file.

    Raises:
      ValueError: if it holds something else.
    """
    path = files.expanded(path)
    document = {}
    if path.exists():
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{path} is not JSON ({error}); move it away and evaluate again."
            ) from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} holds no metrics; give another name, or move it away.")
    return document


def update_metrics(path, split, step, metrics, whole=True, asked=None, told=None):
    """Writes the metrics of one split into the JSON file; other splits' stay as they are.

    A split's are {"step", "metrics"} and, where known, "asked", "measured" and "refused".

    Unless they are the `whole` of what is measured, so do the split's others of the same step.

    Args:
      path: of the file.
      split: of the data.
      step: of the model's weights.
      metrics: as `evaluate` returns them.
      whole: whether they are all that is measured.
      asked: {name: value} of what was asked of `evaluate`, kept beside the metrics; None: unknown.
      told: {"measured", "refused"} of its `Outcome`, kept as well; None: unknown.
    """
    document = read_metrics(path)
    before = document.get(split, {})
    if not whole and before.get("step") == step:
        metrics = before["metrics"] | metrics
        if asked is not None and "asked" in before:
            parts = [before["asked"].get("only"), asked.get("only")]
            only = sorted({*parts[0], *parts[1]}) if all(parts) else []
            asked = before["asked"] | asked | {"only": only}
        if told is not None:
            told = {key: before.get(key, {}) | told[key] for key in told}
    document[split] = {"step": step, "metrics": metrics}
    if asked is not None:
        document[split]["asked"] = asked
    document[split] |= told or {}
    files.write_json(path, document)
