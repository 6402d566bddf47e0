"""Classifiers of labels: trained, measured, stopped and gone on with."""

import json
import os
import signal

import keras
import numpy as np
import pytest

from glf.data import make_dataset
from glf.training import classification
from glf.training.classification import Classification, classify, summary, table
from glf.training.interrupts import Interrupted


def linear(image_shape, classes):
    """As little of a classifier as there can be."""
    layers = [keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(classes)]
    return keras.Sequential(layers)


SMALL = {
    "make_network": linear,
    "make_dataset": lambda data_dir: make_dataset("digits"),
    "num_steps": 4,
    "batch_size": 16,
    "checkpoint_every": 2,
}


@pytest.fixture
def _eager(monkeypatch):
    """Steps without XLA, which takes seconds to compile them."""
    monkeypatch.setattr(classification, "JIT", False)


@pytest.mark.usefixtures("_eager")
def test_a_stopped_run_goes_on_to_the_same_end(tmp_path, monkeypatch):
    whole = classify(tmp_path / "whole", Classification(**SMALL), "a")
    assert whole["examples"] == make_dataset("digits").num_examples("test")
    assert 0.5 < whole["error"] < 1
    saved = classification.Checkpoints.save

    def save(self, checkpoint, step, extra=None):
        saved(self, checkpoint, step, extra)
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(classification.Checkpoints, "save", save)
    with pytest.raises(Interrupted, match="at step 2"):
        classify(tmp_path / "stopped", Classification(**SMALL), "a")
    assert not (tmp_path / "stopped" / "classification.json").exists()
    monkeypatch.undo()
    monkeypatch.setattr(classification, "JIT", False)
    again = classify(tmp_path / "stopped", Classification(**SMALL), "a")
    for name in ("error", "nats", "examples", "weights", "steps"):
        np.testing.assert_allclose(again[name], whole[name], rtol=1e-5)
    assert json.loads((tmp_path / "whole" / "classification.json").read_text()) == whole
    with pytest.raises(ValueError, match="another configuration"):
        classify(tmp_path / "whole", Classification(**SMALL), "b")


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="num_steps must be an integer of at least 1, got 0"):
        Classification(**SMALL | {"num_steps": 0})
    with pytest.raises(ValueError, match="ascending shares"):
        Classification(**SMALL | {"drops": (0.5, 0.2)})
    without = SMALL | {"make_dataset": lambda data_dir: make_dataset("digits", labels=None)}
    with pytest.raises(ValueError, match="has none"):
        classify(tmp_path, Classification(**without))


def test_the_rate_is_cut_three_times():
    rate = Classification(**SMALL | {"num_steps": 600}).make_optimizer()._learning_rate
    rates = [float(rate(step)) for step in (0, 99, 102, 202, 302)]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.005, 0.0005, 0.00005], rtol=1e-5)


def test_the_table():
    reports = {
        "p4": [{"error": e, "nats": 1.0, "weights": 5, "seconds_per_step": 2.0} for e in (0.1, 0.2)]
    }
    found = summary(reports)
    assert found["p4"]["error"] == pytest.approx(0.15)
    assert found["p4"]["spread"] == pytest.approx(0.1 / np.sqrt(2))
    assert "15.00 +- 7.07" in table(found)
