"""A function that graphs share: the same numbers and gradients, traced once."""

import keras
import numpy as np
import tensorflow as tf

from glf.core.traced_once import traced_once, values


def _counted():
    traces = []

    @traced_once
    def polynomial(x, coefficients):
        traces.append(x.shape)
        a, b = coefficients
        return a * x**2 + b * x

    return polynomial, traces


def _gradients_of(polynomial):
    def gradients(x, coefficients):
        with tf.GradientTape() as tape:
            tape.watch((x, coefficients))
            y = x
            for _ in range(3):
                y = polynomial(y, coefficients)
        return y, *tf.nest.flatten(tape.gradient(y, (x, coefficients)))

    return gradients


def _points(*numbers):
    return tf.constant(numbers, tf.float64), (
        tf.constant(0.7, tf.float64),
        tf.constant(1.3, tf.float64),
    )


def test_equals_the_plain_function_and_its_gradient_in_every_mode():
    polynomial, _ = _counted()
    points = _points(0.5, -1.0, 2.0)
    expected = _gradients_of(polynomial.__wrapped__)(*points)
    eager = _gradients_of(polynomial)
    graph = tf.function(eager, autograph=False)
    compiled = tf.function(eager, jit_compile=True, autograph=False)
    for mode in (eager, graph, compiled):
        for actual, wanted in zip(mode(*points), expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-12)


def test_graphs_trace_it_once_for_each_shape():
    polynomial, traces = _counted()

    def graph(*points):
        function = tf.function(_gradients_of(polynomial), autograph=False)
        return function.get_concrete_function(*points).graph

    graph(*_points(0.5))
    graph(*_points(0.5))
    assert traces == [(1,)]
    operations = graph(*_points(0.5, 1.0)).get_operations()
    assert traces == [(1,), (2,)]
    calls = [operation for operation in operations if "PartitionedCall" in operation.type]
    assert len(calls) == 6  # three forward, three for the gradient
    assert not any(operation.type == "Pow" for operation in operations)


def test_without_a_graph_the_function_itself_is_called():
    polynomial, traces = _counted()
    for _ in range(2):
        polynomial(*_points(0.5))
    assert len(traces) == 2


def test_values_are_those_that_weights_have_now():
    weight = keras.Variable([1.0, 2.0])
    weight.assign([3.0, 4.0])
    (value,) = values(weight)
    assert tf.is_tensor(value)
    np.testing.assert_array_equal(value, [3.0, 4.0])
