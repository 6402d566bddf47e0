"""A group of parameters that takes several optimizer steps for each pass through the rest."""

import functools
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import AffineCoupling
from glf.core import fused
from glf.models import glf
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors import Flow
from glf.training import optimizers
from glf.training.execution import Execution
from glf.training.experiment import Experiment
from glf.training.step import Stepper

CONDITIONER = partial(DenseConditioner, hidden=4, num_layers=1, batch_norm=False)
FLOW = partial(Flow, partial(AffineCoupling, make_conditioner=CONDITIONER))


@pytest.fixture
def take_steps(make_small_glf, digits):
    """A function that takes 3 steps of 8 examples: (model, stepper, results)."""

    def run(updates, jit=False, batch_parts=1, **changes):
        model = make_small_glf(digits.spec, make_flow=FLOW, **changes)
        experiment = Experiment(
            lambda spec: model,
            batch_size=8,
            batch_parts=batch_parts,
            seed=3,
            optimizers={"autoencoder": optimizers.adam, "flow": partial(optimizers.adam, 0.01)},
            updates_per_step=updates,
        )
        stepper = Stepper(model, experiment, Execution(jit=jit))
        return model, stepper, stepper.run(iter(digits.train_batches(8, 3)), 3)

    return run


def test_one_update_is_the_joint_step(take_steps):
    joint, _, results = take_steps(None)
    own, _, others = take_steps({"flow": 1})
    assert set(results) == set(others)
    for name, values in results.items():
        np.testing.assert_allclose(values, others[name], rtol=1e-4)
    cancelled = joint.autoencoder.encoder.layers[-1].bias
    for one, other in zip(joint.trainable_weights, own.trainable_weights, strict=True):
        if one is cancelled:  # see below
            continue
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_each_update_is_on_its_own_part_of_the_batch(take_steps, make_small_glf, digits, jit):
    model, stepper, results = take_steps({"flow": 4}, jit)
    assert stepper.optimizers["flow"].iterations.numpy() == 12
    assert stepper.optimizers["autoencoder"].iterations.numpy() == 3
    # By hand: the autoencoder's step on 8, the flow's on 2 + 2 + 2 + 2 latents of the same pass.
    expected = make_small_glf(digits.spec, make_flow=FLOW)
    groups = expected.parameter_groups()
    chosen = {"autoencoder": optimizers.adam(), "flow": optimizers.adam(0.01)}
    for group, optimizer in chosen.items():
        optimizer.build(groups[group])
    norms = []
    for batch in digits.train_batches(8, 3, num_steps=3):
        with tf.GradientTape() as tape:
            terms, features = expected.loss_terms_and_features(batch["x"], (0, 0), True)
            loss = tf.reduce_mean(terms["loss"])
        z = features["flow"]
        gradients = tape.gradient(loss, [w.value for w in groups["autoencoder"]])
        chosen["autoencoder"].apply(gradients, groups["autoencoder"])
        norms.append([])
        for part in range(4):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(expected.flow.log_prob(z[2 * part : 2 * part + 2]))
            gradients = tape.gradient(loss, [w.value for w in groups["flow"]])
            chosen["flow"].apply(gradients, groups["flow"])
            norms[-1].append(tf.linalg.global_norm(gradients))
    np.testing.assert_allclose(results["gradient_norm/flow"], np.mean(norms, 1), rtol=1e-3)
    # The decoder's batch normalisation cancels the codes' mean, so its gradient is rounding error.
    cancelled = model.autoencoder.encoder.layers[-1].bias
    for one, other in zip(model.trainable_weights, expected.trainable_weights, strict=True):
        if one is not cancelled:
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_features_of_a_batch_in_parts_are_those_of_the_batch(take_steps):
    plain = partial(DenseAutoencoder, hidden=(4,), batch_norm=False)
    at_once, in_parts = (
        take_steps({"flow": 4}, batch_parts=parts, make_autoencoder=plain)[2] for parts in (1, 2)
    )
    for name, values in at_once.items():
        np.testing.assert_allclose(in_parts[name], values, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("updates", "said"),
    [
        ({"prior": 2}, r"names \['prior'\]"),
        ({"flow": 3}, "divides the batch of 8"),
        ({"flow": 0}, "must be a whole number"),
        ({"autoencoder": 2}, "names autoencoder"),
    ],
)
def test_updates_that_cannot_be_had(take_steps, updates, said):
    with pytest.raises(ValueError, match=said):
        take_steps(updates)


def test_not_without_the_stop_gradient(take_steps):
    with pytest.raises(ValueError, match="stop_gradient=False"):
        take_steps({"flow": 2}, stop_gradient=False)


def test_not_of_a_model_without_inner_loss(tiny, digits):
    model = tiny(digits.spec)
    experiment = Experiment(lambda spec: model, batch_size=8, updates_per_step={"encoder": 2})
    with pytest.raises(ValueError, match="Tiny's groups"):
        Stepper(model, experiment, Execution())


@pytest.mark.parametrize(
    ("precision", "jit", "expected"),
    [("float32", True, False), ("mixed_bfloat16", True, True), ("mixed_bfloat16", False, False)],
)
def test_low_precision_on_a_cpu_fuses_the_flow(
    make_small_glf, digits, monkeypatch, precision, jit, expected
):
    """Whatever the policy is when the stepper is made: the execution says it."""
    seen = []

    def observed(function, *args, **kwargs):
        seen.append(fused._fusing.get())
        return function(*args, **kwargs)

    model = make_small_glf(digits.spec, make_flow=FLOW)
    monkeypatch.setattr(glf, "fused", observed)
    stepper = Stepper(
        model, Experiment(lambda spec: model, batch_size=8), Execution(precision=precision, jit=jit)
    )
    batch = {"x": tf.zeros([8, *digits.spec.shape], tf.uint8)}
    (joint,), (stage,) = stepper._joint, stepper.stages
    step = functools.partial(stepper._joint_step, stepper._part, stage)
    tf.function(step, autograph=False).get_concrete_function(batch, (0, 0))
    assert seen == [expected]
    # Then the gradient around it is the graph's own.
    assert isinstance(joint, functools.partial) == (expected or not jit)
