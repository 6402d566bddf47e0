import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.core.mode import Training
from glf.networks.gated_context import GatedContext


def built(shape=(3, 5, 2), condition_shape=None, **options):
    keras.utils.set_random_seed(0)
    network = GatedContext(4, **{"blocks": 1, "heads": 2, **options})
    network.build((None, *shape), condition_shape)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape))
    return network


def images(*shape):
    return tf.constant(np.random.default_rng(1).normal(size=(2, *shape)), tf.float32)


@pytest.mark.parametrize("width", [4, 5])
def test_the_features_of_a_pair_of_columns_stand_at_both(width):
    features = built((3, width, 2))(images(3, width, 2)).numpy()
    assert features.shape == (2, 3, width, 4)
    np.testing.assert_array_equal(features[:, :, 0], features[:, :, 1])
    np.testing.assert_array_equal(features[:, :, 2], features[:, :, 3])
    assert np.all(np.any(features[:, :, 1] != features[:, :, 2], axis=-1))


@pytest.mark.parametrize("attention", [False, True])
def test_what_is_seen(attention):
    network = built((1, 24, 1), attention=attention)
    x = images(1, 24, 1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        first = network(x)[:, :, 0]
    seen = np.any(tape.gradient(first, x) != 0, axis=(0, 1, 3))
    # Three convolutions of size 3 reach three pairs.
    np.testing.assert_array_equal(seen, (np.arange(24) < 8) | attention)


def test_dropout_needs_a_seed():
    network, x = built(dropout=0.5), images(3, 5, 2)
    with pytest.raises(ValueError, match="needs a seed"):
        network(x, training=True)
    assert np.any(network(x, training=Training(1)) != network(x))


def test_user_errors():
    for wrong in ({"units": 0}, {"units": 1, "blocks": -1}, {"units": 2, "dropout": 1.0}):
        with pytest.raises(ValueError, match="GatedContext needs"):
            GatedContext(**wrong)
    with pytest.raises(ValueError, match="heads that divide"):
        GatedContext(6, attention=True, heads=4)
