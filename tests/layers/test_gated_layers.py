"""Gates, weight normalisation, and PixelCNN++'s block."""

import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.view import WholeView
from glf.core.random import make_seed
from glf.layers.causal_conv import hold_weights
from glf.layers.gated_resnet import GatedResnet, concat_elu
from glf.layers.gates import gated, split_groups
from glf.layers.weight_norm import WeightNormConv2D, WeightNormUpsampling2D

RNG = np.random.default_rng(0)
H = tf.constant(RNG.normal(size=(2, 4, 6, 3)), tf.float32)
X = tf.zeros([2, 4, 6, 1], tf.int32)


def randomised(layer):
    for weight in layer.weights:
        weight.assign(weight + 0.3 * RNG.normal(size=weight.shape))
    return layer


def test_groups_stay_together():
    h = tf.range(12.0)[None]
    np.testing.assert_array_equal(split_groups(h, 2)[1], [np.arange(6, 12)])
    first, second = split_groups(h, 2, groups=3)
    np.testing.assert_array_equal(first, [[0, 1, 4, 5, 8, 9]])
    np.testing.assert_array_equal(second, [[2, 3, 6, 7, 10, 11]])
    expected = np.tanh(first) / (1 + np.exp(-second.numpy()))
    np.testing.assert_allclose(gated(h, groups=3), expected, rtol=1e-6)


def unit(kernel, axes):
    return kernel / np.sqrt((kernel**2).sum(axes, keepdims=True))


def test_weight_norm_starts_at_its_gain():
    kernel, bias = WeightNormConv2D(3, 5, above=1, left=1, right=1, gain=0.3).effective()
    assert kernel.shape == (2, 3, 3, 5)
    np.testing.assert_allclose(np.sqrt((kernel.numpy() ** 2).sum((0, 1, 2))), 0.3, rtol=1e-5)
    np.testing.assert_array_equal(bias, 0)
    kernel, _ = WeightNormUpsampling2D(3, 5, left=1, gain=0.3).effective()
    np.testing.assert_allclose(np.sqrt((kernel.numpy() ** 2).sum((0, 1, 3))), 0.3, rtol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("above", "left", "right"), [(0, 0, 0), (1, 1, 1), (1, 1, 0), (0, 1, 1)])
def test_weight_norm_equation(above, left, right, stride):
    layer = randomised(WeightNormConv2D(3, 5, above=above, left=left, right=right, stride=stride))
    kernel = unit(layer.direction.numpy(), (0, 1, 2)) * layer.gain.numpy()
    padded = np.pad(H, [(0, 0), (above, 0), (left, right), (0, 0)])
    expected = np.zeros((2, 4, 6, 5)) + layer.bias.numpy()
    for row in range(above + 1):
        for column in range(left + 1 + right):
            expected += padded[:, row : row + 4, column : column + 6] @ kernel[row, column]
    expected = expected[:, ::stride, ::stride]
    found = layer.through(WholeView(X, None), H)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("left", [0, 1])
def test_upsampling_equation(left):
    layer = randomised(WeightNormUpsampling2D(3, 5, left=left))
    kernel = unit(layer.direction.numpy(), (0, 1, 3)) * layer.gain.numpy()[:, None]
    expected = np.zeros((2, 8, 12 + left, 5))
    for r in range(4):
        for c in range(6):
            for i in range(2):
                for j in range(2 + left):
                    expected[:, 2 * r + i, 2 * c + j] += H.numpy()[:, r, c] @ kernel[i, j].T
    expected = expected[:, :, left:] + layer.bias.numpy()
    np.testing.assert_allclose(layer.convolve(H), expected, rtol=1e-4, atol=1e-4)


def test_weight_norm_can_be_held():
    layer = WeightNormConv2D(3, 5)
    before = layer.convolve(H)
    with hold_weights(layer):
        layer.gain.assign(layer.gain * 2)
        np.testing.assert_array_equal(layer.convolve(H), before)
    assert np.abs(layer.convolve(H) - before).max() > 0.1


def test_concat_elu():
    h = np.array([[-1.0, 2.0]])
    expected = [[np.expm1(-1), 2, 1, np.expm1(-2)]]
    np.testing.assert_allclose(concat_elu(tf.constant(h)), expected)


@pytest.mark.parametrize("shortcut", [0, 4])
@pytest.mark.parametrize("context_size", [None, 2])
def test_gated_resnet_equation(shortcut, context_size):
    span = {"above": 1, "left": 1, "right": 0}
    block = randomised(GatedResnet(3, span, shortcut=shortcut, context_size=context_size))
    view = WholeView(X, None)
    a = tf.constant(RNG.normal(size=(2, 4, 6, shortcut)), tf.float32) if shortcut else None
    context = tf.constant(RNG.normal(size=(2, 1, 1, 2)), tf.float32) if context_size else None
    y = block.first.through(view, concat_elu(H))
    if shortcut:
        y += block.of_shortcut.convolve(concat_elu(a))
    y = block.second.through(view, concat_elu(y)).numpy()
    if context_size:
        y += context.numpy() @ block.of_context.kernel.numpy()
    expected = H.numpy() + y[..., :3] / (1 + np.exp(-y[..., 3:]))
    np.testing.assert_allclose(block.through(view, H, a, context), expected, rtol=1e-4, atol=1e-4)


def test_gated_resnet_drops_in_training_only():
    block = randomised(GatedResnet(3, {}, dropout=0.5))
    without, again = (block.through(WholeView(X, None), H) for _ in range(2))
    np.testing.assert_array_equal(without, again)
    assert np.abs(block.through(WholeView(X, None, make_seed(0)), H) - without).max() > 0.01
