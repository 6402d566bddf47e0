import numpy as np
import pytest
import tensorflow as tf

from glf.layers.masked_dense import MaskedDense

MASK = np.array([[1, 0], [0, 1], [1, 1]])


def test_masked_connections_do_not_exist():
    layer = MaskedDense(MASK)
    layer.build((None, 3))
    layer.bias.assign([1.0, 2.0])
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    expected = x @ (layer.kernel.numpy() * MASK) + [1.0, 2.0]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value).numpy()
    assert np.all((gradient != 0) == (MASK == 1))


@pytest.mark.parametrize("mask", [np.ones(3), np.full((2, 2), 0.5)])
def test_refuses_other_masks(mask):
    with pytest.raises(ValueError, match="matrix of zeros and ones"):
        MaskedDense(mask)


def test_refuses_other_inputs():
    with pytest.raises(ValueError, match="needs 3 inputs, got 4"):
        MaskedDense(MASK).build((None, 4))
