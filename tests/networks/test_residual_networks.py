"""The residual networks' channels, levels and biases."""

import pytest

from glf.layers.residual import ResidualBlock
from glf.networks.residual import ResidualDecoder, ResidualEncoder


def _blocks(network):
    layers = network.network.layers
    return [(b.filters, b.resample) for b in layers if isinstance(b, ResidualBlock)]


@pytest.fixture(scope="module")
def pair():
    sizes = {"filters": 2, "max_filters": 5, "num_downsamples": 3, "blocks_per_level": 2}
    return ResidualEncoder((9, 9, 1), 3, **sizes), ResidualDecoder((9, 9, 1), 3, **sizes)


def test_channels_double_up_to_the_most(pair):
    encoder, decoder = pair
    assert _blocks(encoder) == [
        (4, "down"),
        (4, None),
        (5, "down"),
        (5, None),
        (5, "down"),
        (5, None),
    ]
    assert _blocks(decoder) == [
        (5, None),
        (5, "up"),
        (5, None),
        (4, "up"),
        (4, None),
        (2, "up"),
    ]


def test_biases(pair):
    """Everything in between would lose its bias to the next normalisation."""
    encoder, decoder = pair
    assert [w.shape for w in encoder.trainable_weights if w.name == "bias"] == [(3,)]
    assert [w.shape for w in decoder.trainable_weights if w.name == "bias"] == [(2 * 2 * 5,), (1,)]
