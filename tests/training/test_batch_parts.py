"""A batch that is gone through in parts against the same batch at once."""

from functools import partial

import numpy as np
import pytest

from glf.training import optimizers
from glf.training.checkpoints import checkpoint_of
from glf.training.execution import Execution
from glf.training.experiment import Experiment
from glf.training.step import Stepper


@pytest.fixture
def make_stepper(digits, tiny):
    """A function that makes the stepper of a tiny model, by default without noise."""

    def make(parts, noise=0.0, jit=False, **changes):
        model = tiny(digits.spec, noise=noise)
        for weight, value in zip(model.trainable_weights, (0.1, 0.0, -0.05, 0.02), strict=True):
            weight.assign(value * np.cos(np.arange(np.prod(weight.shape))).reshape(weight.shape))
        experiment = Experiment(
            lambda spec: model,
            batch_size=8,
            batch_parts=parts,
            optimizers=partial(optimizers.adam, epsilon=1e-2),
            **{"clip_norm": 0.1, "moving_average": 0.5, **changes},
        )
        return Stepper(model, experiment, Execution(jit=jit))

    return make


def values(stepper):
    slots = [v for o in stepper.optimizers.values() for v in o.variables]
    return [v.numpy() for v in (*stepper.model.weights, *slots, *stepper.average.averages)]


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_loss_terms_gradients_and_updates_are_those_of_the_batch(make_stepper, digits, jit):
    whole, cut = make_stepper(1, jit=jit), make_stepper(4, jit=jit)
    expected, found = (s.run(iter(digits.train_batches(8, 3)), 3) for s in (whole, cut))
    assert set(found) == set(expected)
    for name, each in expected.items():
        np.testing.assert_allclose(found[name], each, rtol=2e-6, err_msg=name)
    is_seen = [w is whole.model.seen for w in whole.model.weights]
    for index, (one, other) in enumerate(zip(values(whole), values(cut), strict=True)):
        if index < len(is_seen) and is_seen[index]:  # what a pass counts, each part does
            assert (one, other) == (3, 12)
        elif one.shape:
            np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


def test_every_part_has_noise_of_its_own(make_stepper, digits):
    """The two halves of a batch are the same images."""
    batch = next(iter(digits.train_batches(4, 3)))
    batch = {name: np.concatenate([v, v]) for name, v in batch.items()}
    errors = []
    for noise in (0.0, 0.5):
        stepper = make_stepper(2, noise)
        rows = {name: batch[name] for name in stepper.inputs}
        halves = [{name: v[:4] for name, v in rows.items()} for _ in range(2)]
        seeds = (stepper.seed, stepper.seed + 1)
        terms = [
            stepper._part(stepper.stages[0], half, seed, None)[1]["error"]
            for half, seed in zip(halves, seeds, strict=True)
        ]
        errors.append(float(terms[0] - terms[1]))
    assert errors[0] == 0.0
    assert errors[1] != 0.0


def test_a_step_leaves_nothing_behind_but_what_checkpoints_hold(make_stepper, digits, tmp_path):
    batches = list(digits.train_batches(8, 3, num_steps=3))

    def kept(stepper):
        return checkpoint_of(stepper.model, stepper.average, stepper.step, stepper.optimizers)

    first, second = make_stepper(2, 0.3), make_stepper(2, 0.3)
    first.run(iter(batches[:2]), 2)
    path = kept(first).write(str(tmp_path / "state"))
    kept(second).read(path).assert_consumed()
    for stepper in (first, second):
        stepper.run(iter(batches[2:]), 1)
    for one, other in zip(values(first), values(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("parts", [3, 16])
def test_parts_that_are_not_equal(make_stepper, parts):
    with pytest.raises(ValueError, match=f"batch_size=8 cannot be .*batch_parts={parts} "):
        make_stepper(parts)
