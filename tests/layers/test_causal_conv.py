"""Masks of causal convolutions, by counting, and the convolution itself."""

import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.view import WholeView
from glf.layers.causal_conv import CausalConv2D, hold_weights
from glf.layers.dilated_conv import DilatedCausalConv

H = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 4, 6)), tf.float32)
VIEW = WholeView(tf.zeros([2, 5, 4, 1], tf.int32), None)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("mask", ["A", "B", None])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (3, 3), (4, 1)])
def test_mask(rows, columns, mask, groups):
    inputs, filters = 6, 12
    layer = CausalConv2D(inputs, filters, rows=rows, columns=columns, mask=mask, groups=groups)
    kernel = np.ones(layer.kernel.shape)
    kernel = kernel if layer.mask is None else layer.mask
    for row in range(rows):
        for column in range(columns):
            for i in range(inputs):
                for o in range(filters):
                    place = row - (rows - 1), column - columns // 2
                    of_input, of_output = i * groups // inputs, o * groups // filters
                    seen = (*place, of_input - of_output) < (0, 0, 1 if mask == "B" else 0)
                    if place == (0, 0) or place > (0, 0):
                        seen = place == (0, 0) and seen
                    assert kernel[row, column, i, o] == (seen or mask is None)


@pytest.mark.parametrize("mask", ["A", "B", None])
def test_equation(mask):
    layer = CausalConv2D(6, 4, rows=3, columns=3, mask=mask, groups=2)
    layer.bias.assign([1.0, 2.0, 3.0, 4.0])
    kernel = layer.kernel.numpy() * (1 if mask is None else layer.mask)
    padded = np.pad(H, [(0, 0), (2, 0), (1, 1), (0, 0)])
    expected = np.zeros((2, 5, 4, 4)) + layer.bias.numpy()
    for row in range(3):
        for column in range(3):
            part = padded[:, row : row + 5, column : column + 4]
            expected += part @ kernel[row, column]
    np.testing.assert_allclose(layer.through(VIEW, H), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dilation", [1, 2, 7])
@pytest.mark.parametrize("groups", [1, 2])
def test_dilated_equation(dilation, groups):
    layer = DilatedCausalConv(6, 4, dilation, groups=groups)
    layer.bias.assign([1.0, 2.0, 3.0, 4.0])
    past, now = layer.kernel.numpy()[:, 0]
    if groups == 2:
        now = now * np.kron([[1, 1], [0, 1]], np.ones((3, 2)))
    delayed = np.pad(H, [(0, 0), (dilation, 0), (0, 0), (0, 0)])[:, :5]
    expected = delayed @ past + H.numpy() @ now + layer.bias.numpy()
    np.testing.assert_allclose(layer.through(VIEW, H), expected, rtol=1e-4, atol=1e-4)


def test_held_weights_are_those_of_before():
    layer = DilatedCausalConv(6, 4, 1)
    before = layer.through(VIEW, H)
    with hold_weights(layer):
        layer.kernel.assign(layer.kernel * 2)
        np.testing.assert_array_equal(layer.through(VIEW, H), before)
    assert np.abs(layer.through(VIEW, H) - before).max() > 0.1


def test_refuses():
    with pytest.raises(ValueError, match="odd number of columns"):
        CausalConv2D(3, 3, columns=2)
    with pytest.raises(ValueError, match="at least one row"):
        CausalConv2D(3, 3, rows=0)
    with pytest.raises(ValueError, match='"A", "B" or None'):
        CausalConv2D(3, 3, mask="C")
    with pytest.raises(ValueError, match="divide into 2 groups"):
        CausalConv2D(3, 4, groups=2)
    with pytest.raises(ValueError, match="dilation is at least 1"):
        DilatedCausalConv(3, 3, 0)
