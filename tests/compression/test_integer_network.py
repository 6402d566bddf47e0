"""Networks of integers: exact sums, in any order, and the proof that they are."""

import dataclasses

import numpy as np
import pytest
from toy import UNIT, layers

from glf.compression.integer_network import convolved, proven
from glf.compression.quantising import FloatConv, quantise


@pytest.fixture(scope="module")
def example():
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (6, 3, 5, 2))
    floats = layers(rng, 2, 4)
    return x, floats, quantise(floats, x, UNIT, np.full(4, 8.0), 1 << 16)


def in_integers(network, x):
    """The network by its definition, in 64-bit integers and explicit loops over the kernel."""
    tensors = [np.clip(x, network.low, network.high) * network.factor]
    for conv in network.convs:
        h = np.concatenate([tensors[i] for i in conv.sources], -1)
        rows, columns = conv.weights.shape[:2]
        padded = np.pad(h, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
        a = np.zeros((*h.shape[:3], conv.weights.shape[3]), np.int64) + conv.bias
        for r in range(rows):
            for s in range(columns):
                window = padded[:, r : r + h.shape[1], s : s + h.shape[2]]
                a += np.einsum("nhwi,io->nhwo", window, conv.weights[r, s].astype(np.int64))
        if conv.added is not None:
            assert (conv.lift >= 0).all()
            a += tensors[conv.added] << conv.lift.astype(np.int64)
        shift = conv.shift.astype(np.int64)
        a = np.where(shift >= 0, a >> np.maximum(shift, 0), a << np.maximum(-shift, 0))
        tensors.append(np.clip(a, conv.low, conv.high))
    return tensors[-1]


def test_floats_hold_the_integers(example):
    x, _, network = example
    np.testing.assert_array_equal(network.run(x), in_integers(network, x))
    far = np.random.default_rng(1).integers(-(2**20), 2**20, x.shape)
    np.testing.assert_array_equal(network.run(far), in_integers(network, far))


def test_the_order_of_sums_does_not_matter(example):
    x, _, network = example
    first, *rest = network.convs
    order = np.random.default_rng(2).permutation(x.shape[3])
    turned = dataclasses.replace(first, weights=first.weights[:, :, order])
    skips = network.convs[2]
    many = np.r_[order, np.arange(x.shape[3], skips.weights.shape[2])]
    skips = dataclasses.replace(skips, weights=skips.weights[:, :, many])
    other = dataclasses.replace(network, convs=(turned, rest[0], skips))
    np.testing.assert_array_equal(other.run(x[..., order]), network.run(x))


def test_it_is_the_network_of_floats(example):
    x, floats, network = example
    tensors = [x / UNIT]
    for layer in floats:
        h = np.concatenate([tensors[i] for i in layer.sources], -1)
        y = convolved(h, layer.kernel) + layer.bias
        y = y if layer.added is None else y + tensors[layer.added]
        tensors.append(np.maximum(y, 0) if layer.relu else y)
    assert np.abs(network.run(x) - 8.0 * tensors[-1]).max() < 1.0


def test_weights_and_activations_are_small(example):
    _, _, network = example
    *hidden, last = network.convs
    for conv in hidden:
        assert conv.weights.dtype == np.int8
        assert np.abs(conv.weights).max() > 63
    assert last.weights.dtype == np.int16
    assert all(conv.high < 1 << 10 for conv in network.convs[:-1])


def test_what_a_network_gives_is_precise():
    """A mean that goes a long way, counted in 64ths of a level, is right by a part of a level."""
    rng, factor = np.random.default_rng(0), 128 * 64.0
    x = rng.integers(-127, 128, (20, 4, 4, 6))
    layer = FloatConv(rng.normal(size=(1, 1, 6, 3)), rng.normal(size=3), (0,), False, None)
    network = quantise([layer], x, 128, np.full(3, factor), 1 << 22)
    exact = factor * (convolved(x / 128, layer.kernel) + layer.bias)
    # Half of a step of each weight, and of the output.
    steps = np.abs(layer.kernel).max((0, 1, 2)) * 2.0**-15
    allowed = factor * steps * np.abs(x / 128).sum(-1, keepdims=True) + 1
    assert (np.abs(network.run(x) - exact) <= allowed).all()
    assert allowed.max() < 64 / 4


def with_bias(conv, bias, low=-1, high=1):
    return dataclasses.replace(conv, bias=np.full_like(conv.bias, bias), low=low, high=high)


def test_bounds_are_proven(example):
    _, _, network = example
    conv = network.convs[0]
    most = (
        int(np.abs(conv.weights).astype(np.int64).sum((0, 1, 2)).max())
        * network.high
        * network.factor
    )
    bounds = ([network.high * network.factor], [None], "this")
    room = 2**24 - most
    assert proven(with_bias(conv, room - 1), *bounds) == "float32"
    assert proven(with_bias(conv, room), *bounds) == "float64"
    assert proven(with_bias(conv, 2**53 - most - 1), *bounds) == "float64"
    with pytest.raises(ValueError, match="this cannot be computed exactly"):
        proven(with_bias(conv, 2**53 - most), *bounds)
    with pytest.raises(ValueError, match="float32 does not hold"):
        proven(with_bias(conv, 0, high=2**24), *bounds)


def test_a_network_that_claims_too_much(example):
    _, _, network = example
    network.check()
    wide = with_bias(network.convs[0], 2**25, high=network.convs[0].high)
    with pytest.raises(ValueError, match="convolution 0 is not exact in float32"):
        dataclasses.replace(network, convs=(wide, *network.convs[1:])).check()


def test_sums_that_nothing_bounds_are_refused(example):
    x, floats, _ = example
    huge = [*floats[:-1], floats[-1]._replace(bias=np.full(4, np.inf))]
    with pytest.raises(ValueError, match="not finite"):
        quantise(huge, x, UNIT, np.ones(4), 1 << 16)
