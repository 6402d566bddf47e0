"""Flatten: what the battery does not say, the order of the numbers and the flows it makes."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import AdditiveCoupling, Chain, DiagonalScaling, Flatten
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors import Flow, StandardLogistic


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (5, 1, 2)])
def test_raster_order(shape):
    flatten = Flatten()
    assert flatten.base_shape is None
    flatten.build((None, *shape))
    size = int(np.prod(shape))
    assert flatten.base_shape == (size,)
    y = np.arange(3 * size, dtype=np.float32).reshape(3, *shape)
    u, log_det = flatten.inverse_and_log_det(y)
    np.testing.assert_array_equal(u, np.arange(3 * size).reshape(3, size))
    np.testing.assert_array_equal(log_det, np.zeros(3))
    back, log_det = flatten.forward_and_log_det(u)
    np.testing.assert_array_equal(back, y)
    np.testing.assert_array_equal(log_det, np.zeros(3))


def test_a_flow_of_vectors_judges_images():
    """NICE: the density of the image is that of its vector."""
    dense = partial(DenseConditioner, hidden=4, num_layers=1, batch_norm=False)
    couplings = [partial(AdditiveCoupling, t, dense) for t in ("first", "second")]
    vectors = partial(Chain, [*couplings, DiagonalScaling])
    flow = Flow(partial(Chain, [Flatten, vectors]), StandardLogistic)
    flow.build((None, 3, 1, 2))
    generator = np.random.default_rng(0)
    for weight in flow.trainable_weights:
        weight.assign_add(0.3 * generator.normal(size=weight.shape))
    assert flow.base.event_shape == (6,)
    inner = Flow(lambda: flow.bijector.bijectors[1], lambda: flow.base)
    y = generator.normal(size=(4, 3, 1, 2)).astype(np.float32)
    expected = inner.log_prob(y.reshape(4, 6))
    np.testing.assert_allclose(flow.log_prob(y), expected, rtol=1e-6)
    drawn = flow.sample(5, seed=1)
    assert drawn.shape == (5, 3, 1, 2)
    np.testing.assert_allclose(tf.reshape(drawn, (5, 6)), inner.sample(5, seed=1), rtol=1e-6)


def test_refusals():
    flatten = Flatten()
    with pytest.raises(ValueError, match=r"works on images \[batch, height, width, channels\]"):
        flatten.build((None, 6))
    flatten.build((None, 2, 3, 1))
    with pytest.raises(ValueError, match=r"points of shape \[batch, 6\], got \(4, 2, 3, 1\)"):
        flatten.forward_and_log_det(np.zeros((4, 2, 3, 1)))
    with pytest.raises(ValueError, match=r"points of shape \[batch, 2, 3, 1\], got \(4, 6\)"):
        flatten.inverse_and_log_det(np.zeros((4, 6)))
