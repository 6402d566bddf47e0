"""Products of features and kernels against TensorFlow's own, values and gradients."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from derivatives import value_and_gradients

from glf.core.fused import for_xla_on_cpu
from glf.core.traced_once import traced_once
from glf.layers.product import WIDEST, of_all_places, product


@pytest.mark.parametrize("block", [contextlib.nullcontext, for_xla_on_cpu], ids=["graph", "xla"])
@pytest.mark.parametrize(
    ("multiply", "shape", "outputs"),
    [
        (product, (5, 6), 2),
        (product, (5, 6), 4),
        (of_all_places, (5, 6), 3),
        (of_all_places, (4, 5, 6), 3),
        (of_all_places, (4, 5, 6), 6),
    ],
)
def test_a_product_and_its_gradients(multiply, shape, outputs, block):
    rng = np.random.default_rng(0)
    h, kernel = (tf.constant(rng.normal(size=size)) for size in (shape, (6, outputs)))
    with block():
        found = [value_and_gradients(each, h, kernel) for each in (multiply, tf.matmul)]
    for mine, expected in zip(*found, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("inputs", "outputs", "is_narrow"),
    [(64, 20, True), (64, 32, True), (64, 33, False), (20, 64, False), (512, WIDEST + 1, False)],
)
def test_which_gradient_is_made_as_its_transpose(inputs, outputs, is_narrow):
    """In the graph for XLA alone, and a batch of one product: the plain one is swapped back."""
    spec = [tf.TensorSpec((8, inputs)), tf.TensorSpec((inputs, outputs))]

    def gradient(h, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            y = product(h, kernel)
        return tape.gradient(y, kernel)

    kinds = []
    for block in (contextlib.nullcontext, for_xla_on_cpu):
        with block():
            graph = tf.function(gradient, autograph=False).get_concrete_function(*spec).graph
        kinds.append({op.type for op in graph.get_operations()})
    assert "BatchMatMulV2" not in kinds[0]
    assert ("BatchMatMulV2" in kinds[1]) == is_narrow


def test_a_gradient_that_is_traced_elsewhere():
    """What is written is chosen with the product: its gradient may be asked for outside."""
    shared = traced_once(lambda h, kernel: product(h, kernel))

    def gradient(h, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            with for_xla_on_cpu():
                y = shared(h, kernel)
        return tape.gradient(y, kernel)

    spec = [tf.TensorSpec((None, 6)), tf.TensorSpec((6, 2))]
    graph = tf.function(gradient, autograph=False).get_concrete_function(*spec)
    functions = graph.graph.as_graph_def().library.function
    assert any(node.op == "BatchMatMulV2" for f in functions for node in f.node_def)
    np.testing.assert_array_equal(graph(tf.ones((4, 6)), tf.ones((6, 2))), tf.fill((6, 2), 4.0))


@pytest.mark.parametrize("shapes", [((None, None), (6, 2)), ((None, None, 6), (6, 2))])
def test_shapes_that_are_not_known(shapes):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec(shape) for shape in shapes])
    def gradient(h, kernel):
        with for_xla_on_cpu(), tf.GradientTape() as tape:
            tape.watch(kernel)
            y = product(h, kernel)
        return tape.gradient(y, kernel)

    h = tf.ones((*(4,) * (len(shapes[0]) - 1), 6))
    expected = tf.fill((6, 2), float(4 ** (len(shapes[0]) - 1)))
    np.testing.assert_array_equal(gradient(h, tf.ones((6, 2))), expected)


def test_xla_keeps_the_transposed_product():
    """What the module is for: a compiler that undid it would make the slow product again."""
    h, kernel = tf.ones((8, 64)), tf.ones((64, 20))

    @tf.function(jit_compile=True, autograph=False)
    def gradient(h, kernel):
        with tf.GradientTape() as tape, for_xla_on_cpu():
            tape.watch(kernel)
            y = product(h, kernel)
        return tape.gradient(y, kernel)

    program = gradient.experimental_get_compiler_ir(h, kernel)(stage="optimized_hlo")
    products = [line for line in program.splitlines() if " dot(" in line]
    assert any("f32[20,64]" in line or "f32[1,20,64]" in line for line in products), products
    np.testing.assert_array_equal(gradient(h, kernel), tf.fill((64, 20), 8.0))
