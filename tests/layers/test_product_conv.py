"""Convolutions as matrix products against TensorFlow's own, values and gradients."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from derivatives import value_and_gradients

from glf.core.fused import for_xla_on_cpu
from glf.core.traced_once import traced_once
from glf.layers.product_conv import gains_by_products, same_by_products, valid_conv
from glf.layers.same_conv import SameConv2D, normalised_conv


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 4), (5, 2), (3, 3)])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolutions_that_keep_the_size(size, inputs, outputs):
    rng = np.random.default_rng(0)
    h = tf.constant(rng.standard_normal((2, 4, 3, inputs)))
    kernel = tf.constant(rng.standard_normal((size, size, inputs, outputs)))
    expected = value_and_gradients(lambda h, w: tf.nn.conv2d(h, w, 1, "SAME"), h, kernel)
    found = value_and_gradients(same_by_products, h, kernel)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)


def test_one_by_one_without_padding():
    h, kernel = tf.random.stateless_normal((2, 3, 3, 2), (0, 1)), tf.ones((1, 1, 2, 2))
    with for_xla_on_cpu():
        found = valid_conv(h, kernel)
    np.testing.assert_allclose(found, valid_conv(h, kernel), rtol=0, atol=1e-6)


def test_kernels_that_gain():
    for shape in ((3, 3, 2, 4), (3, 3, 4, 2), (1, 1, 3, 3)):
        assert gains_by_products(tf.zeros(shape))
    assert not gains_by_products(tf.zeros((3, 3, 4, 3)))


@pytest.mark.parametrize("edge_bias", [False, True])
def test_a_layer_for_xla_on_a_cpu(edge_bias):
    layer = SameConv2D(1, 6, edge_bias=edge_bias)
    h = tf.random.stateless_normal((2, 3, 3, 1), (0, 1))

    # Traced once for many calls, and for either way of writing it by itself.
    shared = traced_once(normalised_conv)
    found, products = [], []
    for block in (contextlib.nullcontext, for_xla_on_cpu):
        with block():
            call = tf.function(lambda: shared(h, *layer.values()), autograph=False)
            graph = call.get_concrete_function()
        names = [
            op.type for f in graph.graph._functions.values() for op in f.graph.get_operations()
        ]
        products.append("MatMul" in names)
        found.append(graph())
    assert products == [False, True]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-6)
