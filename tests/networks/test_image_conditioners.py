from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.core.mode import Training
from glf.layers.same_conv import SameConv2D, ZeroConv2D
from glf.networks.dense_net_conditioner import DenseNetConditioner
from glf.networks.gated_attention_conditioner import GatedAttentionConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.masked_image_network import MaskedImageNetwork
from glf.networks.registry import IMAGE_CONDITIONERS
from glf.networks.residual_conditioner import ResidualConditioner

each = pytest.mark.parametrize("make", IMAGE_CONDITIONERS.values(), ids=IMAGE_CONDITIONERS)
SHAPE, UNITS = (3, 5, 2), 6


def images(shape=SHAPE, batch=2, dtype=tf.float32):
    return tf.constant(np.random.default_rng(1).normal(size=(batch, *shape)), dtype)


def randomised(network, scale=0.3):
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))
    return network


@each
def test_the_context_matters_everywhere(make):
    context = (6, 1, 1)
    network = make(units=UNITS)
    network.build((None, *SHAPE), (None, *context))
    randomised(network)
    condition = images(context)
    with tf.GradientTape() as tape:
        tape.watch(condition)
        total = tf.reduce_sum(network(images(), condition))
    assert np.all(tape.gradient(total, condition) != 0)


def test_dropout_needs_a_seed_and_is_a_function_of_it():
    network = GatedAttentionConditioner(UNITS, filters=8, blocks=1, heads=2, dropout=0.5)
    network.build((None, *SHAPE))
    randomised(network)
    x = images()
    with pytest.raises(ValueError, match="needs a seed"):
        network(x, training=True)

    def trained(seed):
        return network(x, training=Training(seed))

    first, again, other = trained(1), trained(1), trained(2)
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    assert np.any(first != network(x))
    for xla in (False, True):
        graph = tf.function(trained, autograph=False, jit_compile=xla)
        np.testing.assert_allclose(graph(tf.constant([1, 0])), first, atol=1e-5)
    without = GatedAttentionConditioner(UNITS, filters=8, blocks=1, heads=2, dropout=0.0)
    without.build((None, *SHAPE))
    without(x, training=True)


@pytest.mark.parametrize("attention", [False, True])
def test_attention_reaches_every_position(attention):
    network = GatedAttentionConditioner(1, filters=4, blocks=1, heads=2, attention=attention)
    network.build((None, 1, 9, 1))
    randomised(network)
    x = images((1, 9, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        first = network(x)[:, :, 0]
    seen = np.any(tape.gradient(first, x) != 0, axis=(0, 1, 3))
    # Three convolutions of size 3 reach three positions to each side.
    np.testing.assert_array_equal(seen, (np.arange(9) <= 3) | attention)


def test_attention_knows_the_positions():
    network = randomised_attention()
    x = tf.ones((1, 2, 2, 4))
    y = network(x).numpy().reshape(4, 4)
    assert np.all(np.abs(y[0] - y[1:]).max(axis=1) > 1e-3)
    network.positions.assign(tf.zeros((2, 2, 4)))
    y = network(x).numpy().reshape(4, 4)
    np.testing.assert_allclose(y[1:], np.tile(y[:1], (3, 1)), rtol=1e-5)


def randomised_attention():
    from glf.layers.attention import GatedAttention

    keras.utils.set_random_seed(0)
    network = GatedAttention(4, heads=2)
    network.build((None, 2, 2, 4))
    return randomised(network)


def test_what_the_program_of_flow_pp_has_otherwise():
    network = IMAGE_CONDITIONERS["gated_attention_authors"](units=UNITS)
    network.build((None, *SHAPE), (None, 1, 1, 3))
    paths = [weight.path.split("/")[-1] for weight in network.weights]
    assert paths.count("positions") == 1
    assert network.first.direction.shape == (3, 3, 2, 4)
    assert network.last.kernel.shape == (3, 3, 8, UNITS)
    assert network.attentions[0].gate.project.direction.shape == (1, 1, 4, 8)


def test_residual_networks_grow_wider_as_images_get_smaller():
    make = partial(ResidualConditioner, 1, filters=2, blocks=2, skips=True, full_width=8)
    for width, filters in ((8, 2), (4, 4), (2, 8)):
        network = make()
        network.build((None, 4, width, 3))
        assert network.last.kernel.shape == (1, 1, filters, 1)
        assert [skip.direction.shape for skip in network.skipping] == [(1, 1, filters, filters)] * 3
    with pytest.raises(ValueError, match="full_width=8 is less than the 9 columns"):
        make().build((None, 4, 9, 3))


def test_glow_is_the_papers_network():
    network = GlowConditioner(12)
    network.build((None, 8, 8, 6))
    kernels = [weight.shape for weight in network.weights if len(weight.shape) == 4]
    assert kernels == [(3, 3, 6, 512), (1, 1, 512, 512), (3, 3, 512, 12)]


@pytest.mark.parametrize("size", [3, 5])
def test_edge_bias_is_a_feature_of_ones_in_the_padding(size):
    """As Glow's code has it: pad with zeros, and append a feature of 1 outside and 0 within."""
    half, x = size // 2, images()
    pad = [[0, 0], [half, half], [half, half], [0, 0]]
    padded = np.concatenate([np.pad(x, pad), 1 - np.pad(np.ones((2, 3, 5, 1)), pad)], axis=3)
    last = randomised(ZeroConv2D(2, 4, size, edge_bias=True))
    expected = tf.nn.conv2d(tf.constant(padded, tf.float32), last.kernel.value, 1, "VALID")
    expected = (expected + last.bias) * tf.exp(3.0 * last.log_scale.value)
    np.testing.assert_allclose(last(x), expected, atol=1e-4, rtol=1e-4)
    layer = randomised(SameConv2D(2, 4, size, edge_bias=True))
    expected = tf.nn.conv2d(tf.constant(padded, tf.float32), layer.effective()[0], 1, "VALID")
    np.testing.assert_allclose(layer(x), expected + layer.bias, atol=1e-4, rtol=1e-4)
    # One pixel has no padding.
    assert SameConv2D(2, 4, 1, edge_bias=True).direction.shape == (1, 1, 2, 4)
    assert ZeroConv2D(2, 4, 1, edge_bias=True).kernel.shape == (1, 1, 2, 4)


def test_dense_net_grows_to_512_features():
    network = DenseNetConditioner(4)
    network.build((None, 4, 4, 8))
    assert network.last.kernel.shape == (3, 3, 8 + 12 * 42, 4)


def test_weight_normalised_outputs_have_the_variance_of_the_gain():
    layer = SameConv2D(16, 64, gain=2.0)
    y = layer(images((16, 16, 16), batch=4))
    assert abs(np.var(y[:, 1:-1, 1:-1]) - 4.0) < 0.4


def test_output_scale_is_learned_and_bounded():
    layer = ZeroConv2D(2, 1, 1)
    layer.kernel.assign(tf.ones((1, 1, 2, 1)))
    for log_scale, expected in (
        (0.0, 1.0),
        (0.5, np.exp(1.5)),
        (1e9, np.exp(8)),
        (-1e9, np.exp(-8)),
    ):
        layer.log_scale.assign([log_scale])
        np.testing.assert_allclose(layer(tf.ones((1, 1, 1, 2))), [[[[2 * expected]]]], rtol=1e-6)


def seen_by(network, shape, context=None):
    """Which values, flat, depend on which: [d, d]; and whether all depend on the context."""
    network.build((None, *shape), context and (None, *context))
    randomised(network, 1.0)
    size = int(np.prod(shape))
    x = images((size,), batch=4)
    condition = context and images(context, batch=4)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x] if condition is None else [x, condition])
        raw = network(tf.reshape(x, (-1, *shape)), condition)
        assert raw.shape == (4, *shape, network.parameters)
        raw = tf.reshape(raw, (4, size, -1))
    seen = np.any(tape.jacobian(raw, x, experimental_use_pfor=False) != 0, axis=(0, 2, 3))
    if condition is None:
        return seen, None
    on_context = tape.jacobian(raw, condition, experimental_use_pfor=False)
    return seen, np.any(on_context != 0, axis=(0, 2, 3, 4, 5, 6)).all()


def test_masked_network_sees_what_comes_before():
    network = MaskedImageNetwork(2, filters=7, layers=1, first_kernel=5)
    seen, on_context = seen_by(network, (2, 3, 2), (1, 3, 2))
    np.testing.assert_array_equal(seen, np.tril(np.ones((12, 12)), -1))
    assert on_context


def test_masked_network_has_the_blind_spot_it_tells_of():
    seen, _ = seen_by(MaskedImageNetwork(1, filters=8, layers=0, first_kernel=3), (3, 5, 1))
    # The last pixel of the second row is two columns to the right of (2, 2).
    assert not seen[12, 9]
    assert seen[12, [6, 7, 8, 11]].all()
    assert not np.triu(seen).any()


def test_masked_network_of_one_value():
    seen, on_context = seen_by(MaskedImageNetwork(2, filters=3, layers=1), (1, 1, 1), (1, 1, 2))
    assert not seen.any()
    assert on_context


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(GlowConditioner, 1, filters=0), "filters >= 1"),
        (partial(ResidualConditioner, 1, blocks=-1), "blocks >= 0"),
        (partial(DenseNetConditioner, 1, depth=0), "depth >= 1"),
        (partial(GatedAttentionConditioner, 1, filters=6, heads=4), "divisible by heads"),
        (partial(GatedAttentionConditioner, 1, dropout=1.0), "dropout in"),
        (partial(GatedAttentionConditioner, 1, last="relu"), "or None, got 'relu'"),
        (partial(MaskedImageNetwork, 1, first_kernel=4), "odd first_kernel >= 3"),
    ],
)
def test_refuses_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
