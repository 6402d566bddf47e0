"""XLA or a graph: measured once, kept with the run, never changed."""

import json
import time
import types

import numpy as np
import pytest
import tensorflow as tf

from glf.training import choosing
from glf.training import run as run_module
from glf.training.execution import Execution

QUIET = {"validate_every": 0, "pictures_every": 0}
BOTH = {jit: Execution(jit=jit) for jit in (True, False)}


@pytest.mark.parametrize("slow", [True, False])
def test_the_faster_one_is_found(monkeypatch, slow):
    taken = []

    def stepper(model, experiment, execution):
        def run(batches, steps):
            np.testing.assert_array_equal(next(batches)["x"], [1, 2])
            taken.append((execution.jit, steps))
            time.sleep(steps * (0.004 if execution.jit is slow else 0.001))

        return types.SimpleNamespace(run=run)

    monkeypatch.setattr(choosing, "Stepper", stepper)
    monkeypatch.setattr(choosing, "SECONDS", 0.02)
    experiment = types.SimpleNamespace(seed=0, rematerialise=False, make_model=lambda spec: spec)
    batch = {"x": tf.constant([1, 2])}
    assert choosing.is_faster_by_xla(experiment, BOTH, None, batch) is not slow
    measured = taken[-2 * choosing.ROUNDS :]
    assert [jit for jit, _ in measured] == choosing.ROUNDS * [True, False]  # in turn
    assert len({steps for _, steps in measured}) == 1


def test_the_choice_is_kept_with_the_run(short_run, tmp_path, monkeypatch):
    asked = []

    def choose(experiment, executions, spec, batch):
        asked.append({jit: execution.jit for jit, execution in executions.items()})
        assert batch["x"].shape == (experiment.batch_size, *spec.shape)
        return False

    monkeypatch.setattr(run_module, "is_faster_by_xla", choose)
    for num_steps in (1, 2):
        short_run(**QUIET, num_steps=num_steps, execution={"jit": None})
        assert json.loads((tmp_path / "run" / "run.json").read_text())["jit"] is False
    assert asked == [{True: True, False: False}]
    with pytest.raises(ValueError, match="trained with --jit=off, asked for is --jit=on"):
        short_run(**QUIET, num_steps=2, execution={"jit": True})
    short_run(**QUIET, num_steps=2, execution={"jit": False})


@pytest.mark.slow
def test_a_choice_leaves_the_run_as_it_is_without(short_run, tmp_path, monkeypatch):
    """A model that is tried and thrown away changes no bit of the one that is trained."""
    monkeypatch.setattr(choosing, "ROUNDS", 1)
    monkeypatch.setattr(choosing, "SECONDS", 0.0)
    monkeypatch.setattr(choosing, "_seconds", lambda task, batches, steps: 1.0)
    short_run(tmp_path / "chosen", **QUIET, num_steps=2, execution={"jit": None})
    short_run(tmp_path / "told", **QUIET, num_steps=2, execution={"jit": True})
    found = [(tmp_path / name / "logs" / "train.jsonl").read_text() for name in ("chosen", "told")]
    assert found[0] == found[1]
