"""The training mode that brings seeds, and the dropout that takes them."""

import numpy as np
import pytest
import tensorflow as tf

from glf.core import random
from glf.core.mode import Training, dropout


def seeds(seed, count=5):
    mode = Training(seed)
    return tf.stack([mode.seed() for _ in range(count)])


def test_it_stands_for_true():
    assert Training(0)
    assert bool(Training((1, 2))) is True


def test_every_seed_is_another_one():
    found = seeds(3)
    assert found.shape == (5, 2)
    assert found.dtype == tf.int32
    everything = np.concatenate([found, seeds(4), seeds((3, 1))])
    assert len(np.unique(everything, axis=0)) == 15


def test_the_same_seeds_in_every_trace():
    eager = seeds(random.make_seed(3))
    for jit in (False, True):
        traced = tf.function(lambda seed: seeds(seed), jit_compile=jit, autograph=False)
        np.testing.assert_array_equal(traced(random.make_seed(3)), eager)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_dropout_keeps_the_mean(rate, dtype):
    h = tf.fill([400, 50], tf.cast(3.0, dtype))
    found = dropout(h, rate, Training(7))
    assert found.dtype == dtype
    kept = found.numpy() != 0
    np.testing.assert_allclose(found.numpy()[kept], 3 / (1 - rate), rtol=1e-6)
    # Of 20000 independent draws.
    error = (rate * (1 - rate) / kept.size) ** 0.5
    assert abs(kept.mean() - (1 - rate)) < 4 * error
    for axis in (0, 1):
        of_rows = (rate * (1 - rate) / kept.shape[axis]) ** 0.5
        assert np.all(abs(kept.mean(axis) - (1 - rate)) < 5 * of_rows)


def test_dropout_is_a_function_of_the_seed():
    h = tf.ones([40, 10])

    def twice(seed):
        mode = Training(seed)
        return dropout(h, 0.5, mode), dropout(h, 0.5, mode)

    first, second = twice(1)
    assert np.any(first != second)
    for jit in (False, True):
        again = tf.function(twice, jit_compile=jit, autograph=False)
        np.testing.assert_array_equal(again(random.make_seed(1)), (first, second))
    assert np.any(twice(2)[0] != first)


def test_gradients_are_those_of_what_is_kept():
    h = tf.fill([30, 3], 2.0)
    with tf.GradientTape() as tape:
        tape.watch(h)
        found = dropout(h, 0.5, Training(0))
        total = tf.reduce_sum(found)
    np.testing.assert_allclose(tape.gradient(total, h), found / 2)


@pytest.mark.parametrize(("rate", "training"), [(0.9, False), (0.0, True), (0.0, Training(1))])
def test_nothing_is_dropped(rate, training):
    h = tf.ones([20, 10])
    assert dropout(h, rate, training) is h


def test_refusals():
    for rate in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"lies in \[0, 1\)"):
            dropout(tf.ones([2]), rate, False)
    with pytest.raises(ValueError, match=r"needs a seed; pass training=Training\(seed\)"):
        dropout(tf.ones([2]), 0.1, True)
