"""Metrics as a table and as JSON."""

import json

import pytest

from glf.evaluation.report import is_better, metric, table, update_metrics

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


def test_what_was_asked_stands_beside_the_metrics(tmp_path):
    path = tmp_path / "metrics.json"
    asked = {"only": [], "seed": 0, "samples": 5}
    update_metrics(path, "test", 10, METRICS, asked=asked)
    update_metrics(path, "test", 10, METRICS, whole=False, asked=asked | {"only": ["a"]})
    assert json.loads(path.read_text())["test"]["asked"] == asked
    # A part that was asked for otherwise makes all of it something else.
    update_metrics(path, "test", 10, METRICS, whole=False, asked={"only": ["a"], "seed": 1})
    assert json.loads(path.read_text())["test"]["asked"] == asked | {"seed": 1}
    for name in ("b", "a"):
        update_metrics(path, "test", 20, METRICS, whole=False, asked={"only": [name]})
    assert json.loads(path.read_text())["test"]["asked"] == {"only": ["a", "b"]}


def test_a_metric_says_which_direction_is_better():
    assert "better" not in metric(1.0, "", "how many")
    assert metric(1.0, "dB", "of images", "higher")["better"] == "higher"
    with pytest.raises(ValueError, match="got 'up'"):
        metric(1.0, "", "of images", "up")
    assert is_better(1.0, 2.0, "lower")
    assert is_better(2.0, 1.0, "higher")
    assert not is_better(1.0, 1.0, "lower")
    assert not is_better(1.0, 1.0, "higher")
    assert not any(is_better(float("nan"), 1.0, better) for better in ("lower", "higher"))


def test_a_broken_file_is_not_overwritten(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("{half")
    with pytest.raises(ValueError, match=r"metrics\.json is not JSON"):
        update_metrics(path, "test", 10, METRICS)
    assert path.read_text() == "{half"


def test_which_evaluators_measured_stands_beside_the_metrics(tmp_path):
    path = tmp_path / "metrics.json"
    first = {"measured": {"a": ["loss"]}, "refused": {"b": "for others"}}
    second = {"measured": {"c": ["examples"]}, "refused": {}}
    update_metrics(path, "test", 10, METRICS, told=first)
    update_metrics(path, "test", 10, METRICS, whole=False, told=second)
    found = json.loads(path.read_text())["test"]
    assert found["measured"] == {"a": ["loss"], "c": ["examples"]}
    assert found["refused"] == {"b": "for others"}
    update_metrics(path, "test", 20, METRICS, told=second)
    assert json.loads(path.read_text())["test"]["measured"] == second["measured"]
