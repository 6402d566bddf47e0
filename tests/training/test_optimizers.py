"""Optimizers and schedules against their equations."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest

from glf.training import optimizers


def numpy_adam(weight, gradients, rate, beta_1, beta_2, epsilon, l2):
    """Kingma and Ba 2015, algorithm 1, on g + l2 w."""
    first = second = np.zeros_like(weight)
    for t, gradient in enumerate(gradients, 1):
        gradient = gradient + l2 * weight
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        corrected = first / (1 - beta_1**t), second / (1 - beta_2**t)
        # Keras puts epsilon beside the uncorrected root: epsilon sqrt(1 - beta_2^t) in the paper.
        root = np.sqrt(corrected[1]) + epsilon / np.sqrt(1 - beta_2**t)
        weight = weight - rate * corrected[0] / root
    return weight


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.8, 0.9)])
def test_adam_with_coupled_decay(l2, betas):
    generator = np.random.default_rng(3)
    start = generator.normal(size=(5, 3)).astype("float32")
    gradients = generator.normal(size=(6, 5, 3)).astype("float32")
    variable = keras.Variable(start)
    optimizer = optimizers.adam(0.05, *betas, epsilon=1e-3, l2=l2)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    expected = numpy_adam(
        start.astype(float), gradients.astype(float), 0.05, *betas, epsilon=1e-3, l2=l2
    )
    np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-5, atol=2e-6)


def test_decay_of_chosen_weights_alone():
    decayed, left = (keras.Variable([2.0], name=name) for name in ("gain", "bias"))
    optimizer = optimizers.adam(0.1, l2=0.5, l2_names=("gain",))
    optimizer.build([decayed, left])
    optimizer.apply([keras.ops.zeros(1), keras.ops.zeros(1)])
    assert float(decayed.numpy()[0]) == pytest.approx(1.9, rel=1e-6)
    assert float(left.numpy()[0]) == 2.0
    with pytest.raises(ValueError, match=r"no weight is called 'gian'; there are bias, gain"):
        optimizers.adam(l2=0.5, l2_names=("gian",)).build([decayed, left])


def test_adamax():
    variable = keras.Variable(np.array([1.0, -2.0], "float32"))
    optimizer = optimizers.adamax(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-8)
    optimizer.build([variable])
    gradients = np.array([[1.0, 2.0], [0.5, -4.0], [0.1, 0.0]])
    weight, first, largest = np.array([1.0, -2.0]), 0.0, 0.0
    for t, gradient in enumerate(gradients, 1):
        first = 0.5 * first + 0.5 * gradient
        largest = np.maximum(0.9 * largest, np.abs(gradient))
        weight = weight - 0.1 / (1 - 0.5**t) * first / (largest + 1e-8)
        optimizer.apply([gradient.astype("float32")], [variable])
    np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5)


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


def test_halve_every():
    schedule = optimizers.halve_every(0.8, steps=10)
    expected = [0.8, 0.8, 0.4, 0.4, 0.2, 0.05]
    np.testing.assert_allclose(rates(schedule, [0, 9, 10, 19, 20, 40]), expected, rtol=1e-6)


def test_cosine():
    schedule = optimizers.cosine(2.0, steps=100, final=0.1)
    steps = np.array([0, 25, 50, 100, 150])
    expected = 2.0 * (0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * np.minimum(steps / 100, 1))))
    np.testing.assert_allclose(rates(schedule, steps), expected, rtol=1e-6)


def test_warmup():
    schedule = optimizers.warmup(3.0, steps=4)
    np.testing.assert_allclose(
        rates(schedule, [0, 1, 2, 3, 4, 100]), [0.75, 1.5, 2.25, 3.0, 3.0, 3.0], rtol=1e-6
    )


def test_hold_then_decay():
    schedule = optimizers.hold_then_decay(1e-3, 10, hold=100, decay=0.99995, final=3e-4)
    steps = [0, 4, 9, 100, 101, 10100, 100000]
    expected = [1e-4, 5e-4, 1e-3, 1e-3, 1e-3 * 0.99995, 1e-3 * 0.99995**10000, 3e-4]
    np.testing.assert_allclose([schedule(step) for step in steps], expected, rtol=1e-5)
    for wrong in ({"decay": 1.0, "final": 1e-4}, {"decay": 0.9, "final": 2e-3}):
        with pytest.raises(ValueError, match="decay in"):
            optimizers.hold_then_decay(1e-3, 10, hold=100, **wrong)


def test_cosine_after_warmup():
    plain = optimizers.cosine(2.0, steps=100)
    warm = optimizers.cosine(2.0, steps=100, warmup_steps=10)
    steps = [0, 4, 9, 10, 60]
    factors = [0.1, 0.5, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(rates(warm, steps), rates(plain, steps) * factors, rtol=1e-6)


def test_a_schedule_is_made_from_the_base_rate():
    optimizer = optimizers.adam(0.5, make_schedule=lambda rate: optimizers.halve_every(rate, 1))
    variable = keras.Variable([1.0])
    optimizer.build([variable])
    assert float(optimizer.learning_rate) == 0.5
    optimizer.apply([np.array([1.0], "float32")], [variable])
    assert float(optimizer.learning_rate) == 0.25


@pytest.mark.parametrize("step", [1, 3])
def test_until_and_starting_at(step):
    steps = np.arange(6)
    before = np.where(steps < step, 0.5, 0.0)
    np.testing.assert_array_equal(rates(optimizers.until(0.5, step), steps), before)
    np.testing.assert_array_equal(rates(optimizers.starting_at(0.5, step), steps), 0.5 - before)
    for schedule in (optimizers.until, optimizers.starting_at):
        with pytest.raises(ValueError, match="step must be at least 1, got 0"):
            schedule(0.5, 0)


def test_a_rate_of_zero_changes_no_bit():
    generator = np.random.default_rng(0)
    start = generator.normal(size=50).astype("float32")
    found = {}
    for name in ("until", "starting_at"):
        variable = keras.Variable(start)
        schedule = partial(getattr(optimizers, name), step=2)
        optimizer = optimizers.adam(0.1, make_schedule=schedule)
        optimizer.build([variable])
        for gradient in generator.normal(size=(4, 50)).astype("float32"):
            optimizer.apply([gradient], [variable])
            found.setdefault(name, [start]).append(variable.numpy())
    moved = {k: [(a != b).all() for a, b in itertools.pairwise(v)] for k, v in found.items()}
    still = {k: [(a == b).all() for a, b in itertools.pairwise(v)] for k, v in found.items()}
    assert moved == {"until": [1, 1, 0, 0], "starting_at": [0, 0, 1, 1]}
    assert still == {"until": [0, 0, 1, 1], "starting_at": [1, 1, 0, 0]}


def test_a_warmup_can_be_rebuilt_from_its_description():
    schedule = optimizers.warmup(3.0, steps=4)
    again = optimizers.Warmup.from_config(schedule.get_config())
    assert rates(again, [1]) == rates(schedule, [1])
