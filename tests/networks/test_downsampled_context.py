import numpy as np
import pytest
import tensorflow as tf

from glf.networks.downsampled_context import DownsampledContext


def contexts(*shape):
    return tf.constant(np.random.default_rng(1).normal(size=(2, *shape)), tf.float32)


def test_blocks_of_two_by_two_become_one():
    layer = DownsampledContext()
    layer.build((None, 4, 6, 3))
    assert layer.context_shape == (None, 2, 3, 3)
    layer.bias.assign([1.0, 2.0, 3.0])
    blocks = np.reshape(contexts(4, 6, 3), (2, 2, 2, 3, 2, 3))
    expected = np.einsum("bhrwsc,rsco->bhwo", blocks, layer.kernel.numpy()) + np.arange(1, 4)
    np.testing.assert_allclose(layer(contexts(4, 6, 3)), expected, rtol=1e-4, atol=1e-5)


def test_what_is_the_same_everywhere_stays_so():
    layer = DownsampledContext()
    layer.build((None, 1, 1, 3))
    assert not layer.weights
    np.testing.assert_array_equal(layer(contexts(1, 1, 3)), contexts(1, 1, 3))
    layer = DownsampledContext()
    layer.build((None, 1, 4, 3))
    assert layer(contexts(1, 4, 3)).shape == (2, *layer.context_shape[1:]) == (2, 1, 2, 3)


def test_odd_sides_are_refused():
    with pytest.raises(ValueError, match="3 x 4 positions"):
        DownsampledContext().build((None, 3, 4, 2))
