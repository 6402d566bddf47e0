"""Autoencoders: what their layers are, sizes, precision and normalisation of every one."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.layers.residual import ResidualBlock
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.infogan import InfoGAN
from glf.networks.registry import AUTOENCODERS
from glf.networks.residual_autoencoder import ResidualAutoencoder
from glf.networks.spatial_autoencoder import SpatialAutoencoder

partial = functools.partial
SPATIAL = {"encoded": 3, "decoded": 3, "filters": 4}


@pytest.fixture(scope="module", params=AUTOENCODERS)
def shared(request):
    """One of an odd size, and weights of order 1 so that errors show."""
    autoencoder = AUTOENCODERS[request.param]((9, 7, 3))
    rng = np.random.default_rng(0)
    values = []
    for weight in autoencoder.weights:
        noise = rng.normal(scale=0.2, size=weight.shape)
        positive = weight.name in ("gamma", "moving_variance")
        values.append(np.abs(1.0 + noise) if positive else noise)
    return autoencoder, values


@pytest.fixture
def small(shared):
    """The shared one, its weights set to those values."""
    autoencoder, values = shared
    autoencoder.set_weights(values)
    return autoencoder


def _images(*shape):
    return np.random.default_rng(3).uniform(size=shape).astype(np.float32)


def _gradients(autoencoder, y, training=True):
    weights = [w.value for w in autoencoder.trainable_weights]
    with tf.GradientTape() as tape:
        h = autoencoder.decode(autoencoder.encode(y, training), training)
        loss = tf.reduce_mean(tf.square(tf.sigmoid(2 * h) - y))
    return h, tape.gradient(loss, weights)


@pytest.mark.parametrize(
    "image_shape", [(1, 1, 1), (8, 8, 1), (28, 28, 1), (32, 32, 3), (33, 47, 3), (64, 64, 3)]
)
@pytest.mark.parametrize("name", ["infogan", "residual", "dense", "spatial"])
def test_any_size_round_trips_to_its_own_shape(name, image_shape):
    autoencoder = AUTOENCODERS[name](image_shape)
    made = len(autoencoder.weights)
    assert made > 0
    y = _images(2, *image_shape)
    z = autoencoder.encode(y)
    h = autoencoder.decode(z)
    assert z.shape == (2, *autoencoder.code_shape)
    assert z.dtype == tf.float32
    assert h.shape == (2, *image_shape)
    assert h.dtype == tf.float32
    assert len(autoencoder.weights) == made
    assert autoencoder.encode(y[:1]).shape == (1, *autoencoder.code_shape)


@pytest.mark.parametrize("name", ["infogan", "residual", "dense"])
def test_encoder_and_decoder_may_be_of_other_sizes(name):
    """Two numbers a latent from the encoder, a label behind the latents for the decoder.

    And three numbers for each pixel in the place of one.
    """
    autoencoder = AUTOENCODERS[name]((4, 4, 1), encoded=10, decoded=8, outputs=3)
    assert autoencoder.encode(_images(2, 4, 4, 1)).shape == (2, 10)
    assert autoencoder.decode(tf.zeros((2, 8))).shape == (2, 4, 4, 3)


def test_every_weight_has_a_gradient_that_no_normalisation_cancels(small):
    """A bias in front of a batch normalisation would have a gradient of rounding errors only.

    The bias of z is such a one where the decoder begins with a normalised layer, its gradient
    nothing or next to it; it is kept, because z is not the decoder's alone.
    """
    _, gradients = _gradients(small, _images(7, 9, 7, 3))
    of_z = {id(w) for w in small.encoder.layers[-1].trainable_weights if w.name == "bias"}
    for weight, gradient in zip(small.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path
        assert id(weight) in of_z or np.abs(gradient).max() > 1e-6, weight.path


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_global_policy_is_followed(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        autoencoder = AUTOENCODERS[name]((8, 8, 1))
    finally:
        keras.config.set_dtype_policy("float32")
    layers = [*autoencoder.encoder.layers, *autoencoder.decoder.layers]
    for layer in [autoencoder, *(layer for layer in layers if layer.weights)]:
        assert layer.compute_dtype == "bfloat16"


def test_batch_statistics_follow_with_momentum_0_9():
    autoencoder = DenseAutoencoder((2, 2, 1), 1, hidden=(3,))
    y = _images(50, 2, 2, 1)
    autoencoder.encode(y, training=True)
    kernel, _, _, moving_mean, moving_variance = autoencoder.encoder.get_weights()[:5]
    hidden = y.reshape(50, 4) @ kernel
    np.testing.assert_allclose(moving_mean, 0.1 * hidden.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moving_variance, 0.9 + 0.1 * hidden.var(0), rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (partial(InfoGAN, latent_size=2), ("filters", "hidden", "num_downsamples", "latent_size")),
        (
            partial(ResidualAutoencoder, latent_size=2),
            ("filters", "max_filters", "num_downsamples", "blocks_per_level", "latent_size"),
        ),
        (partial(DenseAutoencoder, latent_size=2), ("latent_size",)),
        (partial(SpatialAutoencoder, **SPATIAL), ("filters", "encoded", "decoded")),
    ],
)
def test_arguments_out_of_range(make, names):
    owner = make.func.__name__
    for name in names:
        with pytest.raises(ValueError, match=rf"{owner}\.{name} must be at least 1, got 0"):
            make((8, 8, 1), **{name: 0})
    for shape in ((8, 8), (8, 0, 1), (8, 8, 1.5)):
        with pytest.raises(ValueError, match=rf"{owner}\.image_shape must be \(height, width"):
            make(shape)


def test_other_arguments_out_of_range():
    with pytest.raises(ValueError, match=r"hidden\[1\] must be at least 1, got 0"):
        DenseAutoencoder((8, 8, 1), 2, hidden=(4, 0))
    for name in ("downsamplings", "blocks"):
        with pytest.raises(ValueError, match=rf"\.{name} must be at least 0, got -1"):
            SpatialAutoencoder((8, 8, 1), **{**SPATIAL, name: -1})


@pytest.fixture(scope="module")
def residual():
    sizes = {"filters": 2, "max_filters": 5, "num_downsamples": 3, "blocks_per_level": 2}
    return ResidualAutoencoder((9, 9, 1), 3, **sizes)


def test_channels_of_residual_blocks_double_up_to_the_most(residual):
    def blocks(network):
        layers = network.layers
        return [(b.filters, b.resample) for b in layers if isinstance(b, ResidualBlock)]

    first, down, up = [(4, "down"), (4, None)], (5, "down"), (5, "up")
    assert blocks(residual.encoder) == [*first, down, (5, None), down, (5, None)]
    assert blocks(residual.decoder) == [
        *[(5, None), up, (5, None), (4, "up"), (4, None), (2, "up")]
    ]


def test_biases_of_the_residual_networks(residual):
    """Everything in between would lose its bias to the next normalisation."""

    def biases(network):
        return [w.shape for w in network.trainable_weights if w.name == "bias"]

    assert biases(residual.encoder) == [(3,)]
    assert biases(residual.decoder) == [(2 * 2 * 5,), (1,)]


@pytest.mark.parametrize(
    ("shape", "downsamplings", "size"),
    [
        ((8, 8, 1), 0, (8, 8)),
        ((7, 5, 3), 1, (4, 3)),
        ((28, 28, 1), 3, (4, 4)),
        ((1, 9, 1), 2, (1, 3)),
    ],
)
def test_sizes_of_spatial_codes(shape, downsamplings, size):
    sizes = {"filters": 4, "blocks": 1, "downsamplings": downsamplings}
    autoencoder = SpatialAutoencoder(shape, 6, 5, **sizes)
    assert autoencoder.code_shape == (*size, 6)
    assert autoencoder.encode(tf.zeros([2, *shape])).shape == (2, *size, 6)
    assert autoencoder.decode(tf.zeros([2, *size, 5])).shape == (2, *shape)
    assert not autoencoder.non_trainable_weights
