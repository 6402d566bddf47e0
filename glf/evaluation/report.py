"""Metrics as a table for people and as JSON for programs."""

import json

from glf.core import files


def metric(value, unit, meaning):
    """One metric of a report."""
    return {"value": value, "unit": unit, "meaning": meaning}


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


def update_metrics(path, split, step, metrics, whole=True):
    """Writes the metrics of one split into the JSON file; other splits' stay as they are.

    Unless they are the `whole` of what is measured, so do the split's others of the same step.
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
    before = document.get(split, {})
    if not whole and before.get("step") == step:
        metrics = before["metrics"] | metrics
    document[split] = {"step": step, "metrics": metrics}
    files.write_json(path, document)
