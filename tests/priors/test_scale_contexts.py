"""Multi-scale flows whose scales have conditions of their own."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import ImageCoupling
from glf.networks.downsampled_context import DownsampledContext
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors import MultiScale

coupling = partial(ImageCoupling, make_conditioner=partial(GlowConditioner, filters=4))


def built(num_scales, context, make_context=None):
    flow = MultiScale(coupling, num_scales, make_preprocessing=None, make_context=make_context)
    flow.build((None, 8, 8, 1), (None, *context))
    rng = np.random.default_rng(0)
    for weight in flow.trainable_weights:
        if "downsampled" not in weight.path:
            weight.assign(0.2 * rng.normal(size=weight.shape))
    return flow


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(1)
    return [tf.constant(rng.normal(size=(3, 8, 8, n)), tf.float32) for n in (1, 3)]


def test_one_scale_is_a_flow_given_its_own_context(points):
    z, condition = points
    flow, plain = built(1, (8, 8, 3), DownsampledContext), built(1, (4, 4, 3))
    context = flow.context_network(condition)
    np.testing.assert_allclose(flow.log_prob(z, condition), plain.log_prob(z, context), rtol=1e-5)
    for found, expected in (
        (flow.sample(3, 0, 0.7, condition), plain.sample(3, 0, 0.7, context)),
        (flow.to_base(z, condition), plain.to_base(z, context)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(flow.from_base(flow.to_base(z, condition), condition), z, atol=1e-4)


def test_every_scale_has_features_of_its_size(points):
    z, condition = points
    flow = built(2, (8, 8, 3), DownsampledContext)
    scales = [flow, flow.base.rest]
    sizes = [scale.context_network.context_shape for scale in scales]
    assert sizes == [(None, 4, 4, 3), (None, 2, 2, 3)]
    kernels = [scale.context_network.kernel.value for scale in scales]
    with tf.GradientTape() as tape:
        tape.watch([condition, *kernels])
        total = tf.reduce_sum(flow.log_prob(z, condition))
    for gradient in tape.gradient(total, [condition, *kernels]):
        assert np.all(gradient != 0)
    assert flow.sample(3, 0, 1.0, condition).shape == (3, 8, 8, 1)


def test_a_class_is_handed_on(points):
    flow = built(2, (1, 1, 3), DownsampledContext)
    assert np.all(np.isfinite(flow.log_prob(points[0], points[1][:, :1, :1])))
