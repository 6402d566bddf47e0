"""What every network has to hold, as functions of a case that can fail."""

import copy
import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from glf.core.mode import Training

BATCH = 3


@dataclasses.dataclass
class Case:
    """A network at odd sizes, with weights of order 1, and how it is called.

    Attributes:
      make: makes the network, built, called with a `dtype`, a name or None for Keras' policy.
      run: a function of (network, inputs, training) that gives a list of results.
      inputs: what it takes: tensors, [BATCH, ...].
      shapes: those of the results of one example.
      dtypes: names of what it can compute in and return; "mixed" where it follows Keras' policy.
    """

    make: Any
    run: Any
    inputs: list
    shapes: list
    dtypes: tuple = ("float32", "float64")

    def fresh(self, dtype="float32"):
        """A network of the same first weights whenever it is called."""
        keras.utils.set_random_seed(0)
        return self.make(None if dtype == "mixed" else dtype)

    def randomised(self, dtype="float32"):
        """One whose every weight has moved, the scales of norms staying positive."""
        network = self.fresh(dtype)
        rng = np.random.default_rng(0)
        for weight in network.weights:
            noise = rng.normal(scale=0.3, size=weight.shape)
            positive = weight.name in ("gamma", "moving_variance")
            weight.assign(np.abs(1 + noise) if positive else weight.numpy() + noise)
        return network

    def cast(self, dtype):
        """The inputs, real numbers in `dtype`."""
        return [tf.cast(t, dtype) if t.dtype.is_floating else t for t in self.inputs]


def check_shapes_and_precision(case):
    """Results have their shapes, are finite, and of the type that is said; so are the weights."""
    for dtype in case.dtypes:
        keras.config.set_dtype_policy("mixed_bfloat16")
        network = case.fresh(dtype)
        expected = "float32" if dtype == "mixed" else dtype
        results = case.run(network, case.cast(expected), False)
        assert [tuple(r.shape) for r in results] == [(BATCH, *s) for s in case.shapes]
        assert {r.dtype for r in results} == {tf.as_dtype(expected)}
        assert {w.dtype for w in network.weights} <= {expected}
        assert all(np.all(np.isfinite(r)) for r in results)
        if dtype == "mixed":
            exact = case.fresh("float32")
            exact.set_weights(network.get_weights())
            for low, high in zip(results, case.run(exact, case.inputs, False), strict=True):
                assert 0 < np.abs(low - high).max() < 0.05 * np.abs(high).max()


def check_start(case, starts_at_zero):
    """Results are 0 before training, or not."""
    results = case.run(case.fresh(), case.inputs, False)
    assert all(np.any(r != 0) != starts_at_zero for r in results)


def check_examples_alone(case):
    """An example's results are its own; a batch may be of one."""
    network = case.randomised()
    whole = case.run(network, case.inputs, False)
    for i in range(BATCH):
        one = case.run(network, [t[i : i + 1] for t in case.inputs], False)
        for result, expected in zip(one, whole, strict=True):
            np.testing.assert_allclose(result, expected[i : i + 1], rtol=1e-4, atol=1e-5)


def gradients(case, network, training=False):
    """Results, and the gradients of weights and of real inputs of a sum of their squares."""
    watched = [t for t in case.inputs if t.dtype.is_floating]
    weights = [w.value for w in network.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        results = case.run(network, case.inputs, training)
        total = tf.add_n([tf.reduce_sum(tf.square(r - 0.1)) for r in results])
    return results, tape.gradient(total, [*weights, *watched])


def check_gradients(case):
    """Every weight and every input matters: its gradient is there, finite and not 0."""
    network = case.randomised()
    for gradient in gradients(case, network)[1]:
        assert gradient is not None
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)


def check_compiled(case, xla_gradients=False):
    """A graph, and an XLA program, give what eager execution gives."""
    network = case.randomised()
    expected = case.run(network, case.inputs, False)
    for jit in (False, True):
        traced = tf.function(
            lambda: case.run(network, case.inputs, False), autograph=False, jit_compile=jit
        )
        for result, right in zip(traced(), expected, strict=True):
            np.testing.assert_allclose(result, right, rtol=1e-3, atol=1e-4)
    if xla_gradients:
        found = []
        for jit in (False, True):
            network = case.randomised()
            step = tf.function(
                lambda network=network: gradients(case, network, True),
                autograph=False,
                jit_compile=jit,
            )
            found.append([*tf.nest.flatten(step()), *network.get_weights()])
        for graph, xla in zip(*found, strict=True):
            np.testing.assert_allclose(graph, xla, rtol=2e-3, atol=2e-4)


def check_training(case):
    """Training draws by its seed alone, and moves no weight but the statistics of norms."""
    network = case.randomised()
    before = [w.numpy() for w in network.weights]
    inference = case.run(network, case.inputs, False)
    for weight, old in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    first, again, other = (case.run(network, case.inputs, Training(seed)) for seed in (1, 1, 2))
    drawn = any(np.any(a != b) for a, b in zip(first, other, strict=True))
    normalised = len(network.non_trainable_weights) > 0
    for a, b, c in zip(first, again, inference, strict=True):
        np.testing.assert_array_equal(a, b)
        assert drawn or normalised or np.all(a == c)
    for weight, old in zip(network.weights, before, strict=True):
        assert weight.trainable != np.any(weight.numpy() != old)
    assert case.run(network, case.inputs, False)[0].shape == inference[0].shape


def check_copies(case, path):
    """Weights written are read into another of its kind, and a copy has its own, the same."""
    network, other = case.randomised(), case.fresh()
    expected = case.run(network, case.inputs, False)
    if network.weights:
        assert any(np.any(a != b) for a, b in zip(network.weights, other.weights, strict=True))
    tf.train.Checkpoint(weights=network.weights).write(str(path))
    tf.train.Checkpoint(weights=other.weights).read(str(path)).assert_consumed()
    copied = copy.deepcopy(network)
    for twin in (other, copied):
        for result, right in zip(case.run(twin, case.inputs, False), expected, strict=True):
            np.testing.assert_array_equal(result, right)
    assert not {id(w) for w in network.weights} & {id(w) for w in copied.weights}
