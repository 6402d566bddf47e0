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
from glf.training.strategies import make_strategy

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


def test_replicas_skip_what_one_device_skips(low, digits):
    """All of them, where the gradient of only one is not finite."""

    class OneSided(low):
        """Images of which the first pixel is 0 have no gradient."""

        def _loss_terms(self, x, seed, training, condition):
            terms = super()._loss_terms(x, seed, training, condition)
            return {k: v * tf.cast(x[:, 0, 0, 0], tf.float32) for k, v in terms.items()}

    x = digits.examples("train", slice(0, 8))["x"].copy()
    x[:4, 0, 0], x[4:, 0, 0] = 0, 1  # a replica each
    found = []
    for strategy in (make_strategy(), make_strategy("mirrored", ["CPU:0", "CPU:1"])):
        data = tf.data.Dataset.from_tensor_slices({"x": x}).repeat().batch(8)
        with undisturbed(seed=0, policy="mixed_float16"), strategy.scope():
            model = OneSided(digits.spec)
            experiment = Experiment(OneSided, batch_size=8, clip_norm=1.0)
            stepper = Stepper(model, experiment, Execution(**LOW, jit=False), strategy)
        batches = iter(strategy.experimental_distribute_dataset(data))
        weights = [w.numpy() for w in model.trainable_weights]
        assert stepper.run(batches, 1)["skipped_steps"] == [1]
        for weight, value in zip(model.trainable_weights, weights, strict=True):
            for copy in strategy.experimental_local_results(weight.value):
                np.testing.assert_array_equal(copy, value)
        results = stepper.run(batches, 12)
        assert set(results["skipped_steps"]) == {0, 1}
        weights = [strategy.experimental_local_results(w.value) for w in model.trainable_weights]
        for first, *others in weights:
            for other in others:
                np.testing.assert_array_equal(first, other)
        iterations = [int(o.iterations.numpy()) for o in stepper.optimizers.values()]
        found.append((results, numbers(stepper.loss_scale), iterations, [w[0] for w in weights]))
    one, two = found
    assert one[1:3] == two[1:3]
    for name, values in one[0].items():
        np.testing.assert_allclose(two[0][name], values, rtol=1e-4, err_msg=name)
    for value, other in zip(one[3], two[3], strict=True):
        np.testing.assert_allclose(other, value, rtol=1e-4, atol=1e-6)
