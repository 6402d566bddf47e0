"""The image encoders and decoders: one battery for every family."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.networks.dense import DenseDecoder, DenseEncoder
from glf.networks.infogan import InfoGANDecoder, InfoGANEncoder
from glf.networks.residual import ResidualDecoder, ResidualEncoder

LATENTS = 5


def _family(encoder, decoder, **arguments):
    return functools.partial(encoder, **arguments), functools.partial(decoder, **arguments)


FAMILIES = {
    "infogan": _family(InfoGANEncoder, InfoGANDecoder, filters=4, hidden=8),
    "infogan-3": _family(InfoGANEncoder, InfoGANDecoder, filters=2, hidden=8, num_downsamples=3),
    "residual": _family(ResidualEncoder, ResidualDecoder, filters=4, max_filters=6),
    "residual-1": _family(
        ResidualEncoder, ResidualDecoder, filters=3, num_downsamples=1, blocks_per_level=1
    ),
    "dense": _family(DenseEncoder, DenseDecoder, hidden=(8, 6)),
    "linear": _family(DenseEncoder, DenseDecoder, hidden=()),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture(scope="module", params=FAMILIES)
def shared(request):
    """An encoder and a decoder of an odd size, and weights of order 1 so that errors show."""
    pair = tuple(make((9, 6, 3), LATENTS) for make in FAMILIES[request.param])
    rng = np.random.default_rng(0)
    values = []
    for weight in _weights(pair):
        noise = rng.normal(scale=0.2, size=weight.shape)
        positive = weight.name in ("gamma", "moving_variance")
        values.append(np.abs(1.0 + noise) if positive else noise)
    return pair, values


@pytest.fixture
def small(shared):
    """The shared pair, its weights set to those values."""
    _set_weights(*shared)
    return shared[0]


def _weights(pair):
    return pair[0].weights + pair[1].weights


def _set_weights(pair, values):
    for weight, value in zip(_weights(pair), values, strict=True):
        weight.assign(value)


def _images(*shape):
    return np.random.default_rng(3).uniform(size=shape).astype(np.float32)


def _gradients(encoder, decoder, y, training=True):
    weights = [w.value for w in encoder.trainable_weights + decoder.trainable_weights]
    with tf.GradientTape() as tape:
        h = decoder(encoder(y, training=training), training=training)
        loss = tf.reduce_mean(tf.square(tf.sigmoid(2 * h) - y))
    return h, tape.gradient(loss, weights)


@pytest.mark.parametrize(
    "image_shape", [(1, 1, 1), (8, 8, 1), (28, 28, 1), (32, 32, 3), (33, 47, 3), (64, 64, 3)]
)
@pytest.mark.parametrize("name", ["infogan", "residual", "dense"])
def test_any_size_round_trips_to_its_own_shape(name, image_shape):
    encoder, decoder = (make(image_shape, LATENTS) for make in FAMILIES[name])
    made = len(encoder.weights), len(decoder.weights)
    assert min(made) > 0
    y = _images(2, *image_shape)
    z = encoder(y)
    h = decoder(z)
    assert z.shape == (2, LATENTS)
    assert z.dtype == tf.float32
    assert h.shape == (2, *image_shape)
    assert h.dtype == tf.float32
    assert (len(encoder.weights), len(decoder.weights)) == made
    assert encoder(y[:1]).shape == (1, LATENTS)


def test_every_weight_has_a_gradient(small):
    encoder, decoder = small
    _, gradients = _gradients(encoder, decoder, _images(7, 9, 6, 3))
    for weight, gradient in zip(
        encoder.trainable_weights + decoder.trainable_weights, gradients, strict=True
    ):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path
        assert np.any(gradient.numpy() != 0), weight.path


def test_no_weight_is_cancelled_by_a_normalisation(small):
    """A bias in front of a batch normalisation would have a gradient of rounding errors only.

    The bias of z is such a one where the decoder begins with a normalised layer; it is kept,
    because z is not the decoder's alone.
    """
    encoder, decoder = small
    _, gradients = _gradients(encoder, decoder, _images(7, 9, 6, 3))
    weights = encoder.trainable_weights + decoder.trainable_weights
    for weight, gradient in zip(weights, gradients, strict=True):
        if weight is not encoder.trainable_weights[-1]:
            assert np.abs(gradient).max() > 1e-6, weight.path


def test_xla_equals_graph(shared):
    pair, values = shared
    y = _images(4, 9, 6, 3)
    results = []
    for jit in (False, True):
        _set_weights(pair, values)
        step = tf.function(functools.partial(_gradients, *pair), jit_compile=jit)
        h, gradients = step(y)
        results.append([h, *gradients, *[w.numpy() for w in _weights(pair)]])
    for graph, xla in zip(*results, strict=True):
        np.testing.assert_allclose(graph, xla, rtol=2e-3, atol=2e-5)


def test_inference_is_example_by_example(small):
    encoder, decoder = small
    y = _images(6, 9, 6, 3)
    z = encoder(y, training=False)
    h = decoder(z, training=False)
    np.testing.assert_allclose(encoder(y[2:3], training=False), z[2:3], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(decoder(z[2:3], training=False), h[2:3], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(encoder(y), z)


def test_bfloat16_computes_low_and_returns_float32(family):
    y = _images(4, 9, 6, 3)
    low, high = [
        [make((9, 6, 3), LATENTS, dtype=dtype) for make in family]
        for dtype in ("mixed_bfloat16", "float32")
    ]
    for ours, theirs in zip(high, low, strict=True):
        ours.set_weights(theirs.get_weights())
        assert all(w.dtype == "float32" for w in theirs.weights)
    z, z_low = high[0](y), low[0](y)
    h, h_low = high[1](z), low[1](z)
    for exact, rounded in ((z, z_low), (h, h_low)):
        assert rounded.dtype == tf.float32
        scale = np.abs(exact).max()
        error = np.abs(exact - rounded).max()
        assert 0 < error < 0.05 * scale


def test_global_policy_is_followed(family):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = family[0]((8, 8, 1), LATENTS)
    finally:
        keras.config.set_dtype_policy("float32")
    assert encoder.compute_dtype == "bfloat16"
    kernels = [layer for layer in encoder.network.layers if layer.weights]
    assert all(layer.compute_dtype == "bfloat16" for layer in kernels)
    assert encoder(_images(2, 8, 8, 1)).dtype == tf.float32


def test_batch_statistics_follow_with_momentum_0_9():
    encoder = DenseEncoder((2, 2, 1), 1, hidden=(3,))
    y = _images(50, 2, 2, 1)
    encoder(y, training=True)
    kernel, _, _, moving_mean, moving_variance = [w.numpy() for w in encoder.network.weights[:5]]
    hidden = y.reshape(50, 4) @ kernel
    np.testing.assert_allclose(moving_mean, 0.1 * hidden.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moving_variance, 0.9 + 0.1 * hidden.var(0), rtol=1e-4)


@pytest.mark.parametrize("make", [m for pair in FAMILIES.values() for m in pair])
@pytest.mark.parametrize("shape", [(8, 8), (8, 0, 1), (8, 8, 1.5)])
def test_bad_image_shape(make, shape):
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width, channels\)"):
        make(shape, 2)


@pytest.mark.parametrize("make", [m for pair in FAMILIES.values() for m in pair])
def test_bad_latent_size(make):
    with pytest.raises(ValueError, match="latent_size must be at least 1, got 0"):
        make((8, 8, 1), 0)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (make, {name: 0})
        for makers, names in [
            ((InfoGANEncoder, InfoGANDecoder), ("filters", "hidden", "num_downsamples")),
            (
                (ResidualEncoder, ResidualDecoder),
                ("filters", "max_filters", "num_downsamples", "blocks_per_level"),
            ),
        ]
        for make in makers
        for name in names
    ]
    + [(make, {"hidden": (4, 0)}) for make in (DenseEncoder, DenseDecoder)],
)
def test_bad_sizes(make, arguments):
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        make((8, 8, 1), 2, **arguments)
