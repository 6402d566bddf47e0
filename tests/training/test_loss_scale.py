"""float16: the scale of the loss, the steps that it skips, and that a run goes on with it."""

import json

import numpy as np
import pytest
import tensorflow as tf

from glf.core.caller import undisturbed
from glf.training import watch
from glf.training.execution import Execution
from glf.training.experiment import Experiment
from glf.training.loss_scale import LossScale
from glf.training.step import Stepper
from glf.training.step_checks import check_scaled

LOW = {"precision": "mixed_float16"}


def numbers(scale):
    return [v.numpy() for v in scale.values]


def test_the_scale_follows_the_gradients():
    scale, done = LossScale(8.0, growth_steps=2), []
    inf = float("inf")
    # (norm, whether the weights change, the scale, good steps, skipped steps) after each step
    for norm, applied, *after in [
        *[(1.0, True, 8, 1, 0), (2.0, True, 16, 0, 0), (inf, False, 8, 0, 1)],
        *[(1.0, True, 8, 1, 1), (float("nan"), False, 4, 0, 2), (inf, False, 2, 0, 3)],
        *[(inf, False, 1, 0, 4), (1.0, True, 1, 1, 4), (inf, True, 2, 0, 4)],
    ]:
        before = float(scale.scale)
        result = scale.guarded(
            {"norm": tf.constant(norm)}, lambda: done.append(True), lambda: done.append(False)
        )
        assert done.pop() == applied
        assert numbers(scale) == after
        assert float(result["loss_scale"]) == before
        assert float(result["skipped_steps"]) == (not applied)
        assert float(result["norm"]) == (norm if applied else 0.0)


def test_scaling_rounds_nothing():
    scale = LossScale(2.0**15)
    gradient = tf.constant(np.random.default_rng(0).normal(size=50), tf.float32)
    np.testing.assert_array_equal(scale.down([scale.up(gradient)])[0], gradient)
    for wrong in (0.5, 3.0, 2.0**15 + 1):
        with pytest.raises(ValueError, match="a power of two of at least 1"):
            LossScale(wrong)


@pytest.fixture
def low(tiny, monkeypatch):
    """The tiny model with a decoder in float16, and a scale that its gradients do not bear."""

    class Low(tiny):
        def _loss_terms(self, x, seed, training, condition):
            y = tf.cast(self.decoder(self.encoder(self._flat(x))), tf.float32)
            error = tf.reduce_sum((tf.sigmoid(y) - self._flat(x)) ** 2, 1)
            return {"loss": error, "error": error}

        def _image(self, z):
            y = tf.cast(self.decoder(z), tf.float32)
            return tf.reshape(tf.sigmoid(y), [-1, *self.spec.shape])

    monkeypatch.setattr(LossScale.__init__, "__defaults__", (2.0**22, 3))
    return Low


def test_a_step_that_is_skipped_changes_no_weight(low, digits):
    with undisturbed(seed=0, policy="mixed_float16"):
        model = low(digits.spec)
        experiment = Experiment(lambda spec: model, batch_size=8, clip_norm=1.0)
        stepper = Stepper(model, experiment, Execution(**LOW, jit=False))
    assert model.decoder.compute_dtype == "float16"
    batches = iter(digits.train_batches(8, 0))
    weights = [w.numpy() for w in model.trainable_weights]
    result = stepper.run(batches, 1)
    assert result["skipped_steps"] == [1]
    assert result["gradient_norm/decoder"] == [0]
    for weight, value in zip(model.trainable_weights, weights, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert all(int(optimizer.iterations) == 0 for optimizer in stepper.optimizers.values())
    result = stepper.run(batches, 20)
    assert 0 in result["skipped_steps"]
    skipped = int(sum(result["skipped_steps"])) + 1
    assert numbers(stepper.loss_scale)[2] == skipped
    assert all(int(o.iterations) == 21 - skipped for o in stepper.optimizers.values())
    assert any(np.any(w != v) for w, v in zip(model.trainable_weights, weights, strict=True))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_its_scale(
    low, short_run, stopped_run, tmp_path, compare, monkeypatch
):
    arguments = {"make_model": low, "execution": LOW, "moving_average": None}
    arguments |= {"pictures_every": 0, "validate_every": 0}
    said = []
    monkeypatch.setattr(watch.logging, "info", lambda text, *given: said.append(text % given))
    short_run(**arguments)
    whole = compare(tmp_path / "run")
    names = [name for name in whole["newest"] if name.startswith("loss_scale/")]
    assert len(names) == 3
    lines = (tmp_path / "run" / "logs" / "train.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines]
    assert lines[0]["skipped_steps"] > 0
    assert lines[0]["loss_scale"] > lines[-1]["loss_scale"]
    assert any("steps were skipped, whose gradients were not finite" in line for line in said)
    stopped_run(workdir=tmp_path / "again", **arguments)
    short_run(workdir=tmp_path / "again", **arguments)
    assert compare(tmp_path / "again") == whole


def test_several_replicas_are_refused():
    with pytest.raises(ValueError, match="mixed_float16 trains on one device, not on 2 replicas"):
        check_scaled(2)
