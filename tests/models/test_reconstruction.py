"""Reconstruction losses against NumPy, in the tails, and with frozen features."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.models.reconstruction import (
    AbsoluteError,
    CrossEntropy,
    Perceptual,
    SquaredError,
    mean_image,
)

PIXEL_LOSSES = [SquaredError, AbsoluteError, CrossEntropy]


class TwoMaps(keras.layers.Layer):
    """A small feature network: a trainable dense map, and the map halved."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4, activation="tanh")
        self.dense.build((None, None, None, 3))

    def call(self, y):
        h = self.dense(y)
        return [h, h[:, ::2, ::2]]


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(3, 4, 6, 3)).astype(np.float32)
    return h, rng.uniform(size=h.shape).astype(np.float32)


def _image(h):
    return (np.tanh(h.astype(np.float64)) + 1) / 2


def _expected(kind, h, y):
    p = _image(h)
    return {
        SquaredError: (p - y) ** 2,
        AbsoluteError: np.abs(p - y),
        CrossEntropy: -y * np.log(p) - (1 - y) * np.log(1 - p),
    }[kind]


def test_mean_image_is_scaled_tanh(pair):
    np.testing.assert_allclose(mean_image(pair[0]), _image(pair[0]), rtol=1e-5)
    assert mean_image(tf.cast(pair[0], tf.bfloat16)).dtype == tf.float32


@pytest.mark.parametrize("kind", PIXEL_LOSSES)
def test_pixel_losses(kind, pair):
    expected = _expected(kind, *pair).reshape(3, -1)
    for loss in (kind(), kind(reduction="sum")):
        np.testing.assert_allclose(loss(*pair), expected.sum(1), rtol=1e-5)
    mean = kind(reduction="mean")(*pair)
    assert mean.shape == (3,)
    np.testing.assert_allclose(mean, expected.mean(1), rtol=1e-5)


@pytest.mark.parametrize("kind", PIXEL_LOSSES)
def test_low_precision_is_summed_in_float32(kind):
    """In bfloat16 a sum of 3000 terms would stall; the loss casts first."""
    h = tf.cast(tf.zeros((1, 32, 32, 3)) + 0.25, tf.bfloat16)
    y = tf.cast(tf.zeros((1, 32, 32, 3)) + 0.125, tf.bfloat16)
    loss = kind()(h, y)
    assert loss.dtype == tf.float32
    expected = 32 * 32 * 3 * _expected(kind, np.array(0.25), 0.125)
    np.testing.assert_allclose(loss, [expected], rtol=1e-5)


@pytest.mark.parametrize("kind", PIXEL_LOSSES)
def test_extreme_activations_stay_finite(kind):
    h = tf.constant([-1e4, -50.0, 0.0, 50.0, 1e4])[:, None, None, None]
    for target in (0.0, 1.0):
        with tf.GradientTape() as tape:
            tape.watch(h)
            loss = kind()(h, tf.fill(h.shape, target))
        assert np.all(np.isfinite(loss))
        assert np.all(np.isfinite(tape.gradient(loss, h)))


def test_bernoulli_in_the_tail_is_linear():
    loss = CrossEntropy()(tf.fill((1, 1, 1, 1), 100.0), tf.zeros((1, 1, 1, 1)))
    np.testing.assert_allclose(loss, [200.0], rtol=1e-6)


def test_bernoulli_is_least_at_the_entropy():
    y = np.full((1, 1, 1, 1), 0.3, np.float32)
    h = np.linspace(-2, 2, 4001, dtype=np.float32)[:, None, None, None]
    losses = CrossEntropy()(h, np.broadcast_to(y, h.shape)).numpy()
    entropy = -0.3 * np.log(0.3) - 0.7 * np.log(0.7)
    np.testing.assert_allclose(losses.min(), entropy, rtol=1e-5)
    np.testing.assert_allclose(_image(h[losses.argmin()]), 0.3, atol=1e-3)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_perceptual_is_l1_on_pixels_and_maps(reduction, pair):
    h, y = pair
    loss = Perceptual(make_features=TwoMaps, reduction=reduction)
    kernel, bias = [w.numpy().astype(np.float64) for w in loss.weights]
    reduce = {"sum": np.sum, "mean": np.mean}[reduction]
    difference = np.abs(np.tanh(_image(h) @ kernel + bias) - np.tanh(y @ kernel + bias))
    expected = (
        reduce(np.abs(_image(h) - y), axis=(1, 2, 3))
        + reduce(difference, axis=(1, 2, 3))
        + reduce(difference[:, ::2, ::2], axis=(1, 2, 3))
    )
    np.testing.assert_allclose(loss(h, y), expected, rtol=1e-4)
    np.testing.assert_allclose(loss(h, _image(h).astype(np.float32)), np.zeros(3), atol=1e-4)
    pixels = reduce(np.abs(_image(h) - y), axis=(1, 2, 3))
    loss.pixel_weight, loss.feature_weight = 2.0, 0.5
    np.testing.assert_allclose(loss(h, y), 2.0 * pixels + 0.5 * (expected - pixels), rtol=1e-4)


def test_bad_weights_of_a_perceptual_loss():
    with pytest.raises(ValueError, match="pixel_weight must be at least 0, got -1"):
        Perceptual(make_features=TwoMaps, pixel_weight=-1.0)
    with pytest.raises(ValueError, match="feature_weight must be at least 0, got nan"):
        Perceptual(make_features=TwoMaps, feature_weight=float("nan"))


def test_perceptual_features_are_tracked_and_frozen(pair):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.reconstruction = Perceptual(make_features=TwoMaps)

    model = Model()
    assert len(model.weights) == 2
    assert model.trainable_weights == []


def test_perceptual_gradient_reaches_the_image_through_the_maps(pair):
    h, y = tf.constant(pair[0]), pair[1]
    gradients = []
    for loss in (Perceptual(make_features=TwoMaps), AbsoluteError()):
        with tf.GradientTape() as tape:
            tape.watch(h)
            value = loss(h, y)
        gradients.append(tape.gradient(value, h).numpy())
    assert np.all(np.isfinite(gradients))
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-3


@pytest.mark.parametrize(
    "make", [*PIXEL_LOSSES, functools.partial(Perceptual, make_features=TwoMaps)]
)
def test_bad_reduction(make):
    with pytest.raises(ValueError, match="reduction must be one of"):
        make(reduction="max")
