"""Metrics as a table and as JSON."""

import json

import pytest

from glf.evaluation.report import table, update_metrics

METRICS = {
    "loss": {"value": 12.3456789, "unit": "nats", "meaning": "what training minimised"},
    "examples": {"value": 297, "unit": "", "meaning": "how many"},
}


def test_table():
    assert table(METRICS, "digits, test split").splitlines() == [
        "digits, test split",
        "",
        "metric      value  unit  meaning",
        "loss      12.3457  nats  what training minimised",
        "examples      297        how many",
    ]


def test_splits_are_kept_beside_each_other(tmp_path):
    path = tmp_path / "metrics.json"
    update_metrics(path, "test", 10, METRICS)
    update_metrics(path, "validation", 10, METRICS)
    update_metrics(path, "test", 20, {"loss": METRICS["loss"]})
    assert json.loads(path.read_text()) == {
        "test": {"step": 20, "metrics": {"loss": METRICS["loss"]}},
        "validation": {"step": 10, "metrics": METRICS},
    }


def test_a_part_of_the_metrics_stands_beside_those_of_the_same_step(tmp_path):
    path = tmp_path / "metrics.json"
    only = {"mse": METRICS["loss"]}
    update_metrics(path, "test", 10, METRICS)
    update_metrics(path, "test", 10, only, whole=False)
    assert json.loads(path.read_text())["test"] == {"step": 10, "metrics": METRICS | only}
    update_metrics(path, "test", 20, only, whole=False)
    assert json.loads(path.read_text())["test"] == {"step": 20, "metrics": only}


def test_a_broken_file_is_not_overwritten(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("{half")
    with pytest.raises(ValueError, match=r"metrics\.json is not JSON"):
        update_metrics(path, "test", 10, METRICS)
    assert path.read_text() == "{half"
