import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.layers.batch_norm import BatchNormalization
from glf.networks.dense_conditioner import DenseConditioner


def test_default_is_the_papers_subnetwork():
    network = DenseConditioner(6)
    network.build((None, 4))
    dense, norm = keras.layers.Dense, BatchNormalization
    assert [type(layer) for layer in network.stack] == [dense, norm, dense, norm, dense]
    assert [layer.units for layer in network.stack[::2]] == [64, 64, 6]
    assert all(layer.activation is keras.activations.relu for layer in network.stack[:4:2])
    assert all((layer.momentum, layer.epsilon) == (0.9, 1e-5) for layer in network.stack[1::2])
    np.testing.assert_array_equal(network(tf.ones((3, 4))), np.zeros((3, 6)))


def test_options():
    network = DenseConditioner(
        2, hidden=5, num_layers=1, activation="tanh", batch_norm=False, zero_init_last=False
    )
    network.build((None, 4), (None, 3))
    assert [w.shape for w in network.weights] == [(7, 5), (5,), (5, 2), (2,)]
    x, condition = tf.ones((3, 4)), tf.zeros((3, 3))
    a, b, c, d = (w.numpy() for w in network.weights)
    expected = np.tanh(np.concatenate([x, condition], axis=1) @ a + b) @ c + d
    np.testing.assert_allclose(network(x, condition), expected, rtol=1e-5)
    assert np.any(network(x, condition) != network(x, condition + 1.0))


def test_every_weight_starts_from_a_normal_distribution():
    network = DenseConditioner(50, hidden=40, init_deviation=0.05)
    network.build((None, 30))
    assert len(network.trainable_weights) == 10
    for weight in network.trainable_weights:
        values = weight.numpy()
        assert abs(values.std() - 0.05) < 0.02
        assert abs(values.mean()) < 0.03
    with pytest.raises(ValueError, match="init_deviation must be a positive number, or None, got"):
        DenseConditioner(1, init_deviation=0.0)


@pytest.mark.parametrize("arguments", [{"units": 0}, {"units": 1, "hidden": 0}])
def test_refuses_bad_arguments(arguments):
    with pytest.raises(ValueError, match="units >= 1, hidden >= 1"):
        DenseConditioner(**arguments)
