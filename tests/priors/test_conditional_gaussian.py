from functools import partial

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.core import random
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors.conditional_gaussian import ConditionalGaussian

EVENT, BATCH = (3, 2, 3), 5
CONTEXTS = {
    "none": None,
    "same": (None, 1, 1, 2),
    "maps": (None, 3, 2, 4),
    "large": (None, 6, 4, 2),
}


def built(context, make_network=None, dtype="float64", scale=0.4):
    keras.utils.set_random_seed(0)
    prior = ConditionalGaussian(make_network, dtype=dtype)
    prior.build((None, *EVENT), context)
    rng = np.random.default_rng(0)
    for weight in prior.trainable_weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))
    return prior


class Case:
    def __init__(self, context, make_network=None):
        self.context, self.make_network = context, make_network
        self.prior = built(context, make_network)
        rng = np.random.default_rng(1)
        self.z = tf.constant(rng.normal(size=(BATCH, *EVENT)))
        shape = None if context is None else (BATCH, *context[1:])
        self.condition = None if shape is None else tf.constant(rng.normal(size=shape))

    def log_prob(self):
        return self.prior.log_prob(self.z, self.condition)

    def sample(self, **options):
        return self.prior.sample(BATCH, 7, condition=self.condition, **options)


CASES = {name: (context, None) for name, context in CONTEXTS.items()}
CASES["network"] = (CONTEXTS["maps"], partial(GlowConditioner, filters=5))


def test_with_edges_the_top_prior_differs_at_the_border():
    """Glow's convolution of zeros: nine kinds of places of a 5 x 5 image, not one."""
    prior = ConditionalGaussian(edge_bias=True, dtype="float64")
    prior.build((None, 5, 5, 2))
    np.testing.assert_array_equal(prior.sample(2, 0, temperature=0.0), np.zeros((2, 5, 5, 2)))
    rng = np.random.default_rng(0)
    for weight in prior.trainable_weights:
        weight.assign_add(0.4 * rng.normal(size=weight.shape))
    mean = prior.sample(1, 0, temperature=0.0).numpy()[0, :, :, 0]
    np.testing.assert_allclose(mean[1:4, 1:4], mean[2, 2])
    np.testing.assert_allclose(mean[0, 1:4], mean[0, 2])
    np.testing.assert_allclose(mean[1:4, 4], mean[2, 4])
    assert len(np.unique(mean.round(9))) == 9
    with pytest.raises(ValueError, match="edge_bias is of the convolution"):
        ConditionalGaussian(GlowConditioner, edge_bias=True)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return Case(*CASES[request.param])


def test_density_and_samples_are_of_one_gaussian(case):
    mean = case.sample(temperature=0.0).numpy()
    noise = random.normal((BATCH, *EVENT), random.fold(7, "normal"), tf.float64).numpy()
    np.testing.assert_array_equal(mean, case.prior.sample(BATCH, 8, 0.0, case.condition))
    scale = (case.sample() - mean) / noise
    assert np.all(scale > 0)
    assert np.std(np.log(scale)) > 0.05
    expected = scipy.stats.norm.logpdf(case.z, mean, scale).sum((1, 2, 3))
    np.testing.assert_allclose(case.log_prob(), expected, rtol=1e-7)
    np.testing.assert_allclose(case.sample(temperature=2.0) - mean, 2 * scale * noise, rtol=1e-6)


def test_what_the_parameters_depend_on(case):
    mean = case.sample(temperature=0.0).numpy()
    if case.condition is None:
        # Constants for each channel.
        np.testing.assert_array_equal(mean, np.broadcast_to(mean[:1, :1, :1], mean.shape))
        assert len(np.unique(mean)) == EVENT[2]
        return
    moved = case.prior.sample(BATCH, 7, 0.0, case.condition + 1)
    assert np.all(moved != mean)
    alone = case.prior.sample(1, 7, condition=case.condition[:1])
    np.testing.assert_allclose(alone, case.sample()[:1], atol=1e-12)


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_starts_as_a_standard_normal(context):
    case = Case(context)
    fresh = ConditionalGaussian(dtype="float64")
    fresh.build((None, *EVENT), context)
    expected = scipy.stats.norm.logpdf(case.z).sum((1, 2, 3))
    np.testing.assert_allclose(fresh.log_prob(case.z, case.condition), expected)


def test_first_rows_do_not_depend_on_the_number(case):
    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
    def draw(num):
        condition = None if case.condition is None else case.condition[:num]
        return case.prior.sample(num, 7, condition=condition)

    for num in (1, 3):
        np.testing.assert_allclose(draw(num), case.sample()[:num], atol=1e-11)


@pytest.mark.slow
def test_xla_and_gradients(case):
    weights = case.prior.trainable_weights

    def run():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(case.log_prob())
        return loss, case.sample(), *tape.gradient(loss, [w.value for w in weights])

    eager, xla = run(), tf.function(run, jit_compile=True, autograph=False)()
    for a, b in zip(eager, xla, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)
        assert np.all(np.isfinite(a))
        assert np.any(a != 0)


def test_distribution(case):
    distribution = case.prior.distribution(case.condition)
    assert isinstance(distribution, tfd.Distribution)
    assert distribution.batch_shape == (() if case.condition is None else (BATCH,))
    np.testing.assert_allclose(distribution.log_prob(case.z), case.log_prob())
    drawn = distribution.sample(4, seed=7)
    assert drawn.shape == (4, *distribution.batch_shape, *EVENT)


def test_checkpoint(case, tmp_path):
    other = ConditionalGaussian(case.make_network, dtype="float64")
    other.build((None, *EVENT), case.context)
    path = tf.train.Checkpoint(prior=case.prior).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(prior=other).read(path).assert_consumed()
    np.testing.assert_allclose(other.log_prob(case.z, case.condition), case.log_prob())


def test_wild_weights_stay_finite():
    prior = built(CONTEXTS["maps"], dtype="float32", scale=100.0)
    condition = tf.constant(np.random.default_rng(0).normal(size=(BATCH, 3, 2, 4)), tf.float32)
    z = tf.fill((BATCH, *EVENT), 1e3)
    assert np.all(np.isfinite(prior.log_prob(z, condition)))
    for temperature in (0.0, 2.0):
        assert np.all(np.isfinite(prior.sample(BATCH, 1, temperature, condition)))


def test_user_errors():
    with pytest.raises(ValueError, match=r"images \[batch, height, width, channels\]"):
        ConditionalGaussian().build((None, 5))
    with pytest.raises(ValueError, match="reshaping"):
        ConditionalGaussian().build((None, *EVENT), (None, 4))
    z = np.zeros((1, *EVENT))
    for context, given in (
        (None, (1, 1, 1, 2)),
        (CONTEXTS["same"], None),
        (CONTEXTS["maps"], (1, 3, 2, 3)),
    ):
        condition = None if given is None else np.zeros(given)
        with pytest.raises(ValueError, match="was built with condition_shape="):
            built(context).log_prob(z, condition)
