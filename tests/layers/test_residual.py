"""Residual blocks: sizes, equation and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.layers.residual import ResidualBlock, repeat_pixels


def _randomised(block, input_shape, seed=0):
    block.build(input_shape)
    rng = np.random.default_rng(seed)
    for weight in block.weights:
        noise = rng.normal(scale=0.3, size=weight.shape)
        positive = weight.name in ("gamma", "moving_variance")
        weight.assign(np.abs(1.0 + noise) if positive else noise)
    return block


def _input(*shape):
    return tf.constant(np.random.default_rng(1).normal(size=shape), tf.float32)


def _normalised_relu(layer, h):
    gamma, beta, mean, variance = [w.numpy() for w in layer.weights]
    return np.maximum((h - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)


def _convolve(h, kernel, stride=1):
    return tf.nn.conv2d(h, kernel, stride, "SAME").numpy()


@pytest.mark.parametrize("filters", [3, 4])
@pytest.mark.parametrize("resample", [None, "down", "up"])
def test_equation(resample, filters):
    block = _randomised(ResidualBlock(filters, resample=resample), (None, 6, 4, 3))
    h = _input(2, 6, 4, 3).numpy()
    first, second = block.convolutions
    y = _normalised_relu(block.normalise[0], h)
    shortcut = h
    if resample == "up":
        y, shortcut = (np.repeat(np.repeat(x, 2, 1), 2, 2) for x in (y, shortcut))
    if resample == "down":
        shortcut = h.reshape(2, 3, 2, 2, 2, 3).mean((2, 4))
    y = _convolve(y, first.kernel.numpy(), 2 if resample == "down" else 1)
    y = _normalised_relu(block.normalise[1], y)
    y = _convolve(y, second.kernel.numpy())
    if filters != 3:
        shortcut = shortcut @ block.shortcut.kernel.numpy()[0, 0]
    np.testing.assert_allclose(block(h), shortcut + y, rtol=1e-4, atol=1e-4)


def test_odd_sizes():
    h = _input(2, 5, 7, 2)
    down = ResidualBlock(3, resample="down")
    assert down(h).shape == down.compute_output_shape(h.shape) == (2, 3, 4, 3)
    up = ResidualBlock(2, resample="up", output_size=(5, 7))
    assert up(down.convolutions[1](down(h))[..., :2]).shape == (2, 5, 7, 2)
    assert up.compute_output_shape((2, 3, 4, 2)) == (2, 5, 7, 2)
    assert ResidualBlock(2, resample="up")(h).shape == (2, 10, 14, 2)
    assert ResidualBlock(4)(h).shape == (2, 5, 7, 4)


def test_average_at_an_odd_edge_is_over_existing_pixels():
    block = _randomised(ResidualBlock(1, resample="down"), (None, 3, 3, 1))
    for layer in block.convolutions:
        layer.set_weights([np.zeros(w.shape) for w in layer.weights])
    h = np.arange(9.0, dtype=np.float32).reshape(1, 3, 3, 1)
    np.testing.assert_allclose(block(h)[0, ..., 0], [[2.0, 3.5], [6.5, 8.0]], rtol=1e-6)


def test_repeat_pixels():
    h = _input(2, 3, 4, 5)
    np.testing.assert_array_equal(repeat_pixels(h), np.repeat(np.repeat(h, 2, 1), 2, 2))


def test_identity_shortcut_has_no_weights():
    block = _randomised(ResidualBlock(3), (None, 4, 4, 3))
    assert block.shortcut is None
    assert len(block.trainable_weights) == 2 * 2 + 2


def test_training_reaches_both_normalisations():
    block = _randomised(ResidualBlock(3), (None, 4, 4, 2))
    before = [w.numpy() for w in block.non_trainable_weights]
    block(_input(5, 4, 4, 2), training=True)
    assert all(
        np.any(w.numpy() != old) for w, old in zip(block.non_trainable_weights, before, strict=True)
    )


def test_lives_in_a_keras_model():
    model = keras.Sequential([keras.Input((5, 5, 2)), ResidualBlock(3, resample="down")])
    assert model(_input(1, 5, 5, 2)).shape == (1, 3, 3, 3)
    assert len(model.trainable_weights) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"filters": 2, "resample": "left"}, "resample must be one of"),
        ({"filters": 2, "output_size": (4, 4)}, 'for resample="up" only'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResidualBlock(**arguments)


@pytest.mark.parametrize("size", [(5, 8), (7, 9), (8, 6)])
def test_bad_output_size(size):
    block = ResidualBlock(2, resample="up", output_size=size)
    with pytest.raises(ValueError, match=r"twice the input's size \(4, 4\) or one less"):
        block.build((None, 4, 4, 2))
