"""Encoders and decoders of small images of codes: sizes, gradients, no normalisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.networks.spatial import SpatialDecoder, SpatialEncoder


@pytest.mark.parametrize(
    ("shape", "downsamplings", "size"),
    [
        ((8, 8, 1), 0, (8, 8)),
        ((7, 5, 3), 1, (4, 3)),
        ((28, 28, 1), 3, (4, 4)),
        ((1, 9, 1), 2, (1, 3)),
    ],
)
def test_sizes(shape, downsamplings, size):
    sizes = {"filters": 4, "blocks": 1, "downsamplings": downsamplings}
    encoder, decoder = SpatialEncoder(shape, 6, **sizes), SpatialDecoder(shape, 5, **sizes)
    assert encoder.size == size
    h = encoder(tf.zeros([2, *shape]))
    assert h.shape == (2, *size, 6)
    assert decoder(tf.zeros([2, *size, 5])).shape == (2, *shape)


@pytest.fixture(scope="module")
def pair():
    keras.utils.set_random_seed(0)
    sizes = {"filters": 4, "blocks": 2, "downsamplings": 1}
    return SpatialEncoder((6, 6, 1), 3, **sizes), SpatialDecoder((6, 6, 1), 3, **sizes)


def test_every_weight_has_a_gradient(pair):
    encoder, decoder = pair
    y = tf.random.stateless_uniform([4, 6, 6, 1], (0, 1))
    weights = [w.value for part in pair for w in part.trainable_weights]
    assert not [w for part in pair for w in part.non_trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(decoder(encoder(y)) - y))
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.isfinite(gradient).all(), weight.name
        assert np.abs(gradient).max() > 0, weight.name


def test_an_image_does_not_depend_on_others(pair):
    y = tf.random.stateless_uniform([4, 6, 6, 1], (0, 1))
    encoder, decoder = pair
    whole = decoder(encoder(y))
    np.testing.assert_allclose(decoder(encoder(y[1:2]))[0], whole[1], rtol=1e-4, atol=1e-5)


def test_checkpoints_see_every_layer(pair, tmp_path):
    for part in pair:
        tf.train.Checkpoint(part).write(str(tmp_path / type(part).__name__))
        names = tf.train.list_variables(str(tmp_path / type(part).__name__))
        shapes = sorted(tuple(s) for n, s in names if "VARIABLE_VALUE" in n)
        assert shapes == sorted(tuple(w.shape) for w in part.weights)


def test_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    sizes = {"filters": 4, "blocks": 1, "downsamplings": 1}
    h = SpatialEncoder((6, 6, 1), 3, **sizes)(tf.zeros([2, 6, 6, 1]))
    assert h.dtype == tf.float32
    assert SpatialDecoder((6, 6, 1), 3, **sizes)(h).dtype == tf.float32


@pytest.mark.parametrize("network", [SpatialEncoder, SpatialDecoder])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"downsamplings": -1}, "downsamplings must be at least 0, got -1"),
        ({"blocks": -1}, "blocks must be at least 0, got -1"),
        ({"features": 0}, "features must be at least 1, got 0"),
        ({"image_shape": (8, 8)}, "image_shape must be"),
    ],
)
def test_arguments_out_of_range(network, wrong, said):
    with pytest.raises(ValueError, match=rf"{network.__name__}\.{said}"):
        network(**{"image_shape": (8, 8, 1), "features": 3, **wrong})
