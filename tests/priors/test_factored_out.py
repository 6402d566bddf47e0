"""Parts that leave a flow early, and flows of several scales."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.bijectors import ActNorm, Chain, ImageCoupling, InvertibleConv1x1, Logit, Squeeze
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors import DiagonalGaussian, Flow, StandardLogistic, StandardNormal
from glf.priors.channel_autoregressive import ChannelAutoregressive
from glf.priors.conditional_gaussian import ConditionalGaussian
from glf.priors.factored_out import FactoredOut
from glf.priors.multi_scale import MultiScale

DOUBLE = {"dtype": "float64"}
coupling = functools.partial(
    ImageCoupling, make_conditioner=functools.partial(GlowConditioner, filters=4)
)


def double(part):
    return functools.partial(part, **DOUBLE)


step = functools.partial(Chain, [double(part) for part in (ActNorm, InvertibleConv1x1, coupling)])


def randomise(layer, seed=0):
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape))


@pytest.fixture(scope="module")
def flow():
    """Two scales of Glow on 4x4x1, conditional on a class's features."""
    made = MultiScale(
        step,
        2,
        make_preprocessing=functools.partial(Logit, 0.05, **DOUBLE),
        make_part=double(ConditionalGaussian),
        make_last=double(ConditionalGaussian),
        **DOUBLE,
    )
    made.build((None, 4, 4, 1), (None, 1, 1, 3))
    randomise(made)
    return made


@pytest.fixture(scope="module")
def context():
    return tf.constant(np.random.default_rng(1).normal(size=(5, 1, 1, 3)))


@pytest.fixture(scope="module")
def y():
    return tf.constant(np.random.default_rng(2).uniform(0.05, 0.95, (5, 4, 4, 1)))


def test_the_parts_add_up():
    part, rest = StandardLogistic(**DOUBLE), StandardNormal(**DOUBLE)
    prior = FactoredOut(lambda: part, lambda: rest)
    prior.build((None, 2, 3, 5))
    z = tf.constant(np.random.default_rng(0).normal(size=(4, 2, 3, 5)))
    assert prior.sizes == (3, 2)
    expected = part.log_prob(z[..., 3:]) + rest.log_prob(z[..., :3])
    np.testing.assert_allclose(prior.log_prob(z), expected)


def test_what_goes_out_depends_on_what_stays_and_on_the_context():
    prior = FactoredOut(double(ConditionalGaussian), double(StandardNormal))
    prior.build((None, 2, 2, 4), (None, 1, 1, 2))
    randomise(prior)
    rng = np.random.default_rng(0)
    z, context = (
        tf.constant(rng.normal(size=(3, 2, 2, 4))),
        tf.constant(rng.normal(size=(3, 1, 1, 2))),
    )
    own = lambda z, context: prior.log_prob(z, context) - prior.rest.log_prob(z[..., :2])  # noqa: E731
    before = own(z, context)
    assert np.all(before != own(z, context + 1))
    moved = tf.concat([z[..., :2] + 1, z[..., 2:]], -1)
    assert np.all(before != own(moved, context))
    # And a sample's part is drawn given the very values that stay with it.
    drawn = prior.sample(3, 5, temperature=0.0, condition=context)
    seen = tf.concat([drawn[..., :2], tf.broadcast_to(context, (3, 2, 2, 2))], -1)
    expected = prior.part.sample(3, 0, temperature=0.0, condition=seen)
    np.testing.assert_allclose(drawn[..., 2:], expected)


def test_density_of_two_scales(flow, y, context):
    """Against the change of variables of the whole map to the base, by automatic Jacobian."""
    inner = flow.base.rest
    half = flow.base.sizes[0]

    def to_ends(y, context):
        z = flow.bijector.inverse_and_log_det(y, context)[0]
        deep = inner.bijector.inverse_and_log_det(z[..., :half], context)[0]
        return z[..., half:], z[..., :half], deep

    copies = tf.repeat(y, 16, axis=0)
    contexts = tf.repeat(context, 16, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(copies)
        out, _, deep = to_ends(copies, contexts)
        ends = tf.concat([tf.reshape(out, (-1, 8)), tf.reshape(deep, (-1, 8))], 1)
    rows = tf.tile(tf.eye(16, dtype=tf.float64), [5, 1])
    jacobian = tf.reshape(tape.gradient(ends, copies, rows), (5, 16, 16))
    out, stay, deep = to_ends(y, context)
    features = tf.concat([stay, tf.broadcast_to(context, (5, 2, 2, 3))], -1)
    expected = flow.base.part.log_prob(out, features)
    expected += inner.base.log_prob(deep, context)
    expected += np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(flow.log_prob(y, context), expected, rtol=1e-9)


def test_samples_of_two_scales(flow, context):
    drawn = flow.sample(5, seed=3, condition=context)
    assert drawn.shape == (5, 4, 4, 1)
    assert np.all((drawn >= 0) & (drawn <= 1))
    np.testing.assert_allclose(flow.sample(2, 3, condition=context[:2]), drawn[:2])
    mean = flow.sample(5, 3, temperature=0.0, condition=context)
    np.testing.assert_allclose(flow.sample(5, 4, temperature=0.0, condition=context), mean)
    np.testing.assert_allclose(
        flow.distribution(context).log_prob(mean), flow.log_prob(mean, context), rtol=1e-9
    )


def test_a_flow_of_one_scale_is_an_ordinary_one(y):
    last = double(DiagonalGaussian)
    flow = MultiScale(step, 1, make_preprocessing=None, make_last=last, **DOUBLE)
    flow.build((None, 4, 4, 1))
    assert flow.base.event_shape == (2, 2, 4)
    plain = Flow(lambda: flow.bijector, lambda: flow.base)
    np.testing.assert_array_equal(plain.log_prob(y), flow.log_prob(y))


def test_refusals():
    with pytest.raises(ValueError, match="at least 2 channels"):
        FactoredOut().build((None, 4, 4, 1))
    with pytest.raises(ValueError, match="at least 2 channels"):
        FactoredOut().build((None, 8))
    with pytest.raises(ValueError, match="one dtype"):
        FactoredOut(double(StandardNormal), StandardNormal)
    with pytest.raises(ValueError, match="num_scales must be at least 1"):
        MultiScale(step, 0)
    with pytest.raises(ValueError, match="multiples of it, got 3 x 3"):
        MultiScale(Squeeze, 2, squeeze=False).build((None, 6, 6, 1))


def test_reparameterization_is_that_of_all_parts():
    """A flow's samples are differentiable where those of every prior at its end are."""
    lstm = functools.partial(ChannelAutoregressive, hidden=2, layers=1)
    for make_part, expected in (
        (StandardNormal, tfd.FULLY_REPARAMETERIZED),
        (ConditionalGaussian, tfd.FULLY_REPARAMETERIZED),
        (lstm, tfd.NOT_REPARAMETERIZED),
    ):
        flow = Flow(ActNorm, functools.partial(FactoredOut, make_part))
        flow.build((None, 2, 2, 4))
        assert flow.distribution().reparameterization_type == expected


def test_every_scale_may_have_a_prior_of_its_own():
    """Kernels that differ from scale to scale, as in mAR-SCF."""
    part = functools.partial(ChannelAutoregressive, 2, 1, **DOUBLE)
    made = MultiScale(
        step,
        3,
        make_preprocessing=None,
        make_part=[functools.partial(part, size=5, dilation=2), functools.partial(part, size=5)],
        make_last=functools.partial(part, size=3),
        **DOUBLE,
    )
    made.build((None, 8, 8, 1))
    first, second = made.base.part, made.base.rest.base.part
    cells = [prior.cells[0] for prior in (first, second, made.base.rest.base.rest.base)]
    assert [(cell.size, cell.dilation) for cell in cells] == [(5, 2), (5, 1), (3, 1)]
    with pytest.raises(ValueError, match="2 for num_scales=3, got 1"):
        MultiScale(step, 3, make_part=[ConditionalGaussian])
