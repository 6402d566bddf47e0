"""Blocks that are computed twice: the same values and gradients, and that nobody undoes it."""

import functools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.core.mode import Training, dropout
from glf.core.rematerialise import rematerialised


@pytest.fixture
def weights():
    rng = np.random.default_rng(0)
    shapes = ((6, 6), (6, 6), (2,))
    return [keras.Variable(rng.normal(size=s).astype("float32")) for s in shapes]


def loss_of(x, weights, again, calls):
    """Two blocks with dropout, the second with a condition; the third weight is unused."""
    training = Training(3)

    def block(number, h, *condition):
        calls.append(number)
        h = tf.tanh(tf.matmul(h, weights[number].value))
        return dropout(h, 0.4, training), tf.add_n([tf.reduce_sum(h), *condition])

    def call(number, *tensors):
        def function(*given):
            return block(number, *given)

        return rematerialised(function, training, *tensors) if again else function(*tensors)

    h, total = call(0, x)
    h, total = call(1, h, total)
    # What follows has seeds of its own.
    return tf.reduce_sum(dropout(h, 0.4, training) ** 2) + total


def gradients(x, weights, again, calls):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = loss_of(x, weights, again, calls)
    return loss, tape.gradient(loss, [x, *(w.value for w in weights)])


@pytest.mark.parametrize("graph", [False, True])
def test_values_and_gradients_are_the_same(weights, graph):
    x, found = tf.random.stateless_normal((5, 6), (1, 2)), []
    for again in (False, True):
        calls = []
        function = functools.partial(gradients, x, weights, again, calls)
        found.append((tf.function(function, autograph=False) if graph else function)())
        assert calls == ([0, 1, 1, 0] if again else [0, 1])
    (loss, plain), (same, twice) = found
    assert float(loss) == float(same)
    assert twice[-1] is None
    assert plain[-1] is None  # no gradient is made up
    for a, b in zip(plain[:-1], twice[:-1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_compiler_does_not_undo_it(weights):
    x, counts = tf.ones((5, 6)), []
    for again in (False, True):
        function = functools.partial(gradients, weights=weights, again=again, calls=[])
        compiled = tf.function(lambda x: function(x)[1][:3], autograph=False, jit_compile=True)  # noqa: B023
        text = compiled.experimental_get_compiler_ir(x)(stage="optimized_hlo")
        counts.append(text.count(" tanh("))
    assert counts[1] == 2 * counts[0] > 0


def test_a_block_is_done_with_before_the_next_is_computed_again(weights):
    """With the gradients of its weights, which take long here: else all insides are kept."""
    order = []

    def noted(tensor, *names):
        def note(value):
            time.sleep(0.02 * (len(names) > 1))
            order.append(" ".join(names))
            return value

        result = tf.numpy_function(note, [tensor], tensor.dtype, stateful=False)
        return tf.ensure_shape(result, tensor.shape)

    def block(number):
        @tf.function(autograph=False)
        @tf.custom_gradient
        def product(h, kernel):
            result = noted(tf.tanh(tf.matmul(h, kernel)), str(number))

            def gradient(upstream):
                upstream *= 1.0 - result**2
                of_kernel = tf.matmul(h, upstream, transpose_a=True)
                of_h = tf.matmul(upstream, kernel, transpose_b=True)
                return of_h, noted(of_kernel, "weights", str(number))

            return result, gradient

        return lambda h: product(h, weights[number % 2].value)

    @tf.function(autograph=False)
    def run(h):
        with tf.GradientTape() as tape:
            for number in range(4):
                h = rematerialised(block(number), None, h)
            loss = tf.reduce_sum(h**2)
        return tape.gradient(loss, [w.value for w in weights[:2]])

    run(tf.ones((5, 6)))
    back = [each for number in "3210" for each in (number, f"weights {number}")]
    assert order == [*"0123", *back]
