"""Biases against TensorFlow's own, values and gradients."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from derivatives import value_and_gradients

from glf.core.fused import for_xla_on_cpu
from glf.layers.bias import add_bias


@pytest.mark.parametrize("block", [contextlib.nullcontext, for_xla_on_cpu])
def test_a_bias_and_its_gradient(block):
    rng = np.random.default_rng(0)
    y, bias = (tf.constant(rng.normal(size=s), tf.float32) for s in ((2, 3, 4, 5), (5,)))
    with block():
        found = [value_and_gradients(add, y, bias) for add in (add_bias, tf.nn.bias_add)]
    for mine, expected in zip(*found, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-5)
