"""Groups that are trained one after the other."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import BatchNorm, BothHalvesCoupling, Chain
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors import Flow
from glf.training import optimizers
from glf.training.checkpoints import Checkpoints
from glf.training.execution import Execution
from glf.training.experiment import Experiment
from glf.training.stages import Stage, make_stages, stage_of
from glf.training.step import Stepper

DENSE = partial(DenseConditioner, hidden=4, num_layers=1)
FLOW = partial(
    Flow, partial(Chain, [partial(BothHalvesCoupling, make_conditioner=DENSE), BatchNorm])
)


def test_lengths_are_steps_or_shares():
    expected = [Stage(("a",), 7), Stage(("b", "c"), 10)]
    assert make_stages([("a", 7), (["b", "c"], 3)], 10) == expected
    assert make_stages([("a", 0.7), (("b", "c"), 0.3)], 10) == expected
    assert [stage_of(expected, step) for step in (0, 6, 7, 9, 10)] == [0, 0, 1, 1, 1]
    assert make_stages(None, 10) == [Stage(None, 10)]


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([("a", 5), ("b", 4)], r"are train.num_steps, 10, together.* got \[5, 4\]"),
        ([("a", 0.5), ("b", 0.4)], "floats that are 1.0 together"),
        ([("a", 0.5), ("b", 5)], "whole numbers"),
        ([("a", 0.999), ("b", 0.001)], "has no step of the 10"),
        ([("a", 10), ("b", 0)], "got 0 in the place of steps"),
        ([(3, 10)], r"got 3 in the place of groups"),
        ([("a", 5, 5)], "among them"),
        ({"a": 10}, "must be pairs"),
    ],
)
def test_what_no_stages_are(stages, said):
    with pytest.raises(ValueError, match=said):
        Experiment(lambda spec: None, num_steps=10, stages=stages)


def test_no_patience_with_stages():
    with pytest.raises(ValueError, match=r"train\.patience could end"):
        Experiment(lambda spec: None, num_steps=2, stages=[("a", 1), ("b", 1)], patience=1)


@pytest.mark.parametrize("stages", [[("encoder", 12)], [("encoder", 6), ("flow", 6)]])
def test_every_group_needs_a_stage(short_run, stages):
    with pytest.raises(ValueError, match=r"Tiny has \['decoder', 'encoder'\]; each"):
        short_run(stages=stages)


@pytest.mark.slow
def test_what_is_out_of_its_stage_stays_as_it_is(make_small_glf, digits):
    """The flow's steps are those on the latents of an encoder that stands, in inference mode."""
    model = make_small_glf(digits.spec, make_flow=FLOW)
    experiment = Experiment(
        lambda spec: model,
        num_steps=5,
        batch_size=8,
        optimizers=partial(keras.optimizers.SGD, 0.01),
        stages=[("autoencoder", 2), ("flow", 3)],
        updates_per_step={"flow": 2},
    )
    stepper = Stepper(model, experiment, Execution(jit=False))

    def values():
        return [[w.numpy() for w in part.variables] for part in (model.autoencoder, model.flow)]

    batches = digits.train_batches(8, 3, num_steps=5)
    iterator = iter(batches)
    start, results = values(), [stepper.run(iterator, 1)]
    results += [stepper.run(iterator, 1)]
    autoencoder, flow = values()
    assert any(np.any(a != b) for a, b in zip(start[0], autoencoder, strict=True))
    for before, after in zip(start[1], flow, strict=True):
        np.testing.assert_array_equal(before, after)
    twin = make_small_glf(digits.spec, make_flow=FLOW)
    for weight, value in zip(twin.variables, [w.numpy() for w in model.variables], strict=True):
        weight.assign(value)
    results.append(stepper.run(iterator, 3))
    for before, after in zip(autoencoder, values()[0], strict=True):
        np.testing.assert_array_equal(before, after)
    norms = {
        n: np.concatenate([part[f"gradient_norm/{n}"] for part in results]) for n in stepper.groups
    }
    assert np.all((norms["autoencoder"] > 0) == [1, 1, 0, 0, 0])
    assert np.all((norms["flow"] > 0) == [0, 0, 1, 1, 1])
    assert {n: int(o.iterations) for n, o in stepper.optimizers.items()} == {
        "autoencoder": 2,
        "flow": 6,
    }
    assert all(layer.trainable for layer in model._flatten_layers())
    optimizer, weights = keras.optimizers.SGD(0.01), twin.flow.trainable_weights
    optimizer.build(weights)
    for batch in list(batches)[2:]:
        z = twin.autoencoder.encode(twin.to_unit(batch["x"]))
        twin.flow.log_prob(z, training=True)  # the pass of all moves the flow's statistics, too
        for part in tf.split(z, 2):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(twin.flow.log_prob(part, training=True))
            optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
    for one, other in zip(model.flow.variables, twin.flow.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_calls_and_resuming_change_nothing(short_run, tmp_path, compare, stopped_run):
    """And the best checkpoint is one of the last stage, however low the loss was before."""
    options = {"stages": [("encoder", 5), ("decoder", 7)], "execution": {"jit": False}}
    options |= {
        "validate_every": 4,
        "pictures_every": 0,
        "optimizers": partial(optimizers.adam, 1.0),
    }
    short_run(tmp_path / "whole", **options)
    stopped_run(**options)
    short_run(**options)
    found = compare(tmp_path / "run")
    assert found == compare(tmp_path / "whole")
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [4, 8, 12]
    assert found["best"]["extra"]["best"]["step"] > 5
