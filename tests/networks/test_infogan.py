"""The published networks: their layers, their number of weights, their first weights."""

import keras
import numpy as np
import pytest

from glf.networks.infogan import InfoGAN


@pytest.fixture(scope="module")
def mnist():
    keras.utils.set_random_seed(0)
    pair = InfoGAN((28, 28, 1), 20)
    return pair.encoder, pair.decoder


def _kernels(layer):
    return [w for w in layer.trainable_weights if w.name == "kernel"]


def _count(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


def test_layers_of_the_mnist_networks(mnist):
    encoder, decoder = mnist
    assert [tuple(w.shape) for w in _kernels(encoder)] == [
        (4, 4, 1, 64),
        (4, 4, 64, 128),
        (7 * 7 * 128, 1024),
        (1024, 20),
    ]
    assert [tuple(w.shape) for w in _kernels(decoder)] == [
        (20, 1024),
        (1024, 7 * 7 * 128),
        (4, 4, 64, 128),
        (4, 4, 1, 64),
    ]


def test_number_of_trainable_weights(mnist):
    """Convolutions and dense layers, two weights a unit for each normalisation, free biases."""
    encoder, decoder = mnist
    assert _count(encoder.trainable_weights) == (
        (16 * 1 * 64 + 64) + (16 * 64 * 128 + 2 * 128) + (6272 * 1024 + 2 * 1024) + (1024 * 20 + 20)
    )
    assert _count(decoder.trainable_weights) == (
        (20 * 1024 + 2 * 1024)
        + (1024 * 6272 + 2 * 6272)
        + (16 * 128 * 64 + 2 * 64)
        + (16 * 64 * 1 + 1)
    )
    assert _count(encoder.trainable_weights + decoder.trainable_weights) == 13_167_317


def test_first_weights(mnist):
    for layer in mnist:
        for weight in layer.trainable_weights:
            value = weight.numpy()
            if weight.name == "kernel":
                # Six standard errors of the mean and of the standard deviation.
                assert abs(value.mean()) < 6 * 0.02 / np.sqrt(value.size)
                assert abs(value.std() - 0.02) < 6 * 0.02 / np.sqrt(2 * value.size)
                assert np.abs(value).max() > 0.05  # not truncated at two deviations
            else:
                np.testing.assert_array_equal(value, 1.0 if weight.name == "gamma" else 0.0)


def test_the_seed_of_keras_decides_the_first_weights():
    kernels = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        kernels.append(_kernels(InfoGAN((4, 4, 1), 2, filters=2, hidden=3))[0].numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.any(kernels[0] != kernels[2])


def test_64_pixels_are_halved_twice_unless_told():
    decoder = InfoGAN((64, 64, 3), 64, filters=2, hidden=3).decoder
    assert _kernels(decoder)[1].shape == (3, 16 * 16 * 4)
    decoder = InfoGAN((64, 64, 3), 64, filters=2, hidden=3, num_downsamples=4).decoder
    assert _kernels(decoder)[1].shape == (3, 4 * 4 * 16)


def test_epsilon_of_the_normalisation():
    """Without batch variance, inference divides by sqrt(epsilon)."""
    encoder = InfoGAN((4, 4, 1), 1, filters=2, hidden=3).encoder
    normalisations = [
        layer for layer in encoder.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer, shape in zip(normalisations, [(1, 1, 1, 4), (1, 3)], strict=True):
        layer.moving_variance.assign(np.zeros(shape[-1]))
        output = layer(np.full(shape, 1e-3))
        np.testing.assert_allclose(output, np.full(shape, 1e-3 / np.sqrt(1e-5)), rtol=1e-5)
