import copy
import functools
import pickle
import random as python_random

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.bijectors import (
    IAF,
    MAF,
    BothHalvesCoupling,
    Chain,
    Invert,
    Planar,
    Radial,
    RandomPermutation,
    SplineCoupling,
    SplineMap,
)
from glf.core import random
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors import DiagonalGaussian, Flow, StandardNormal, paper_bijector

small = functools.partial(DenseConditioner, hidden=8, num_layers=1)


def bijector(dtype="float32"):
    block = functools.partial(BothHalvesCoupling, make_conditioner=small, dtype=dtype)
    return Chain([block, functools.partial(RandomPermutation, dtype=dtype)], repeats=2)


def built(size=5, condition_size=None, make_bijector=bijector, make_base=StandardNormal):
    flow = Flow(make_bijector, make_base)
    flow.build((None, size), condition_size and (None, condition_size))
    rng = np.random.default_rng(0)
    for weight in flow.trainable_weights:
        weight.assign_add(0.2 * rng.normal(size=weight.shape))
    return flow


@pytest.fixture(scope="module")
def flow():
    return built()


@pytest.fixture(scope="module")
def conditional():
    return built(condition_size=2)


@pytest.fixture(scope="module")
def z():
    return tf.constant(np.random.default_rng(1).normal(size=(6, 5)), tf.float32)


@pytest.fixture(scope="module")
def condition():
    return tf.constant(np.random.default_rng(2).normal(size=(6, 2)), tf.float32)


def test_log_prob_is_the_change_of_variables(flow, z):
    u, log_det = flow.bijector.inverse_and_log_det(z)
    expected = scipy.stats.norm.logpdf(u).sum(axis=1) + log_det
    np.testing.assert_allclose(flow.log_prob(z), expected, rtol=1e-5)
    np.testing.assert_allclose(flow(z), expected, rtol=1e-5)
    np.testing.assert_array_equal(flow.to_base(z), u)
    np.testing.assert_allclose(flow.from_base(u), z, atol=1e-5)


def test_default_is_the_papers_flow():
    kinds = [type(b) for b in paper_bijector().bijectors]
    assert kinds == 4 * [BothHalvesCoupling, RandomPermutation]
    assert isinstance(Flow().base, StandardNormal)


def test_samples_are_the_base_mapped_forward(flow):
    expected = flow.from_base(flow.base.sample(9, 3, temperature=0.7))
    np.testing.assert_array_equal(flow.sample(9, 3, temperature=0.7), expected)
    np.testing.assert_allclose(flow.to_base(flow.sample(9, 3)), flow.base.sample(9, 3), atol=1e-4)


def test_first_rows_do_not_depend_on_the_number(flow):
    np.testing.assert_allclose(flow.sample(4, 3), flow.sample(11, 3)[:4], rtol=1e-4, atol=1e-5)
    number = tf.function(
        flow.sample, input_signature=[tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.int32)]
    )
    for num in (1, 6):
        drawn = number(tf.constant(num), random.make_seed(3))
        np.testing.assert_allclose(drawn, flow.sample(11, 3)[:num], rtol=1e-4, atol=1e-5)


def test_temperatures(flow):
    still = flow.sample(4, 3, temperature=0.0)
    alone = flow.from_base(tf.zeros((1, 5)))
    np.testing.assert_allclose(still, np.repeat(alone, 4, axis=0), rtol=1e-5)
    assert np.all(np.isfinite(flow.sample(4, 3, temperature=2.0)))
    assert np.any(flow.sample(4, 3, temperature=tf.constant(2.0)) != flow.sample(4, 3))


def test_condition_moves_the_density_and_the_samples(conditional, z, condition):
    assert np.any(conditional.log_prob(z, condition) != conditional.log_prob(z, condition + 1))
    drawn = conditional.sample(6, 3, condition=condition)
    alone = conditional.sample(1, 3, condition=condition[:1])
    np.testing.assert_allclose(drawn[:1], alone, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="condition=None"):
        conditional.sample(6, 3)


def test_in_a_joint_distribution(flow):
    """Of which TFP makes seeds of 512 bits."""
    joint = tfd.JointDistributionSequentialAutoBatched([flow.distribution(), tfd.Normal(0.0, 1.0)])
    z, _ = joint.sample(4, seed=3)
    assert z.shape == (4, 5)
    assert len(np.unique(z, axis=0)) == 4


def test_numbers_and_temperatures_are_checked(flow):
    for num in (0, 2.5, (2, 3)):
        with pytest.raises(ValueError, match="number of samples"):
            flow.sample(num, 0)
    for temperature in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"finite and at least 0, got {temperature}"):
            flow.sample(2, 0, temperature=temperature)


def test_a_bijector_in_place_of_its_factory():
    for make in (lambda: Flow(Chain([Planar])), lambda: Flow(Planar, StandardNormal())):
        with pytest.raises(ValueError, match=r"Flow\.make_\w+ is a factory, .* got"):
            make()


def test_the_keras_way_in():
    """Called before they are built, flows and bijectors build themselves for what they get."""
    z = tf.random.stateless_normal([3, 4], (0, 1))
    flow = Flow(functools.partial(BothHalvesCoupling, make_conditioner=small))
    found = keras.Sequential([flow])(z)
    assert flow.event_shape == (4,)
    np.testing.assert_allclose(found, flow.log_prob(z), rtol=1e-6)
    coupling = BothHalvesCoupling(make_conditioner=small)
    u, log_det = coupling(z, condition=tf.ones([3, 2]))
    assert (u.shape, log_det.shape) == ((3, 4), (3,))
    assert coupling.condition_shape == (None, 2)
    two = keras.Sequential([BothHalvesCoupling(make_conditioner=small) for _ in range(2)])
    with pytest.raises(ValueError, match="put several into one Chain"):
        two(z)


def test_copies(flow, z):
    """Of a flow, of its view, and of a bijector of bijectors: the same values, other weights."""
    for copied in (copy.deepcopy(flow), copy.deepcopy(flow.distribution())._prior):
        assert not {id(w) for w in copied.variables} & {id(w) for w in flow.variables}
        np.testing.assert_array_equal(copied.log_prob(z), flow.log_prob(z))
    chain = Chain([functools.partial(BothHalvesCoupling, make_conditioner=small)])
    chain.build((None, 5))
    copied = copy.deepcopy(chain)
    assert not {id(w) for w in copied.variables} & {id(w) for w in chain.variables}
    np.testing.assert_array_equal(copied(z)[0], chain(z)[0])
    with pytest.raises(ValueError, match="cannot be copied"):
        copy.deepcopy(Flow(lambda: flow.bijector))
    state = random_state()
    copy.deepcopy(flow)
    assert random_state() == state
    for way in (pickle.dumps, copy.copy):
        with pytest.raises(ValueError, match=r"Flow cannot be pickled .* copy\.deepcopy"):
            way(flow)


def random_state():
    return python_random.getstate(), np.random.get_state()[1].tolist()


def test_distribution_is_the_flow(flow, z):
    distribution = flow.distribution()
    assert isinstance(distribution, tfd.Distribution)
    assert (distribution.batch_shape, distribution.event_shape) == ((), (5,))
    np.testing.assert_array_equal(distribution.log_prob(z), flow.log_prob(z))
    np.testing.assert_array_equal(distribution.sample(7, seed=3), flow.sample(7, 3))
    np.testing.assert_allclose(distribution.log_prob(z[0]), flow.log_prob(z)[0], rtol=1e-5)
    drawn = distribution.sample((2, 3), seed=3)
    assert drawn.shape == (2, 3, 5)
    assert distribution.log_prob(drawn).shape == (2, 3)
    assert distribution.sample().shape == (5,)


def test_distribution_for_conditions(conditional, z, condition):
    distribution = conditional.distribution(condition)
    assert (distribution.batch_shape, distribution.event_shape) == ((6,), (5,))
    log_prob = conditional.log_prob(z, condition)
    np.testing.assert_array_equal(distribution.log_prob(z), log_prob)
    stacked = distribution.log_prob(tf.stack([z, z]))
    np.testing.assert_allclose(stacked, tf.stack([log_prob, log_prob]), rtol=1e-5)
    assert distribution.log_prob(z[0]).shape == (6,)
    drawn = distribution.sample(4, seed=3)
    assert drawn.shape == (4, 6, 5)
    expected = conditional.sample(24, 3, condition=tf.tile(condition, (4, 1)))
    np.testing.assert_array_equal(drawn, tf.reshape(expected, (4, 6, 5)))


def test_xla_is_the_same(flow, z):
    compiled = tf.function(lambda z, s: (flow.log_prob(z), flow.sample(8, s)), jit_compile=True)
    log_prob, drawn = compiled(z, random.make_seed(3))
    np.testing.assert_allclose(log_prob, flow.log_prob(z), rtol=1e-4)
    np.testing.assert_allclose(drawn, flow.sample(8, 3), rtol=1e-3, atol=1e-4)


def test_every_weight_learns_and_is_saved(z, tmp_path):
    flow, other = built(make_base=DiagonalGaussian), built(make_base=DiagonalGaussian)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow.log_prob(z, training=True))
    gradients = tape.gradient(loss, [w.value for w in flow.trainable_weights])
    assert all(np.any(g != 0) and np.all(np.isfinite(g)) for g in gradients)
    path = tf.train.Checkpoint(flow=flow).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(flow=other).read(path).assert_consumed()
    np.testing.assert_allclose(other.log_prob(z), flow.log_prob(z))


FAMILIES = {
    "both_halves": bijector,
    "spline": functools.partial(
        Chain, [functools.partial(SplineCoupling, bound=3.0), RandomPermutation], repeats=4
    ),
    "both_halves_spline": functools.partial(BothHalvesCoupling, SplineMap, small),
    "maf": MAF,
    "iaf": IAF,
    "planar": functools.partial(Invert, Planar),
    "radial": Radial,
}


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_far_points_stay_finite(family, size):
    flow = built(size, make_bijector=FAMILIES[family])
    far = np.outer([1e6, -1e6, 3.0, -3.0, 0.0], np.ones(size))
    far[:2, 1:] = 0.1
    z = tf.constant(far, tf.float32)
    with tf.GradientTape() as tape:
        log_prob = flow.log_prob(z)
        loss = tf.reduce_mean(log_prob)
    assert np.all(np.isfinite(log_prob))
    assert np.all(np.isfinite(flow.from_base(z)))
    gradients = tape.gradient(loss, [w.value for w in flow.trainable_weights])
    assert all(np.all(np.isfinite(g)) for g in gradients)
    for temperature in (0.0, 2.0):
        assert np.all(np.isfinite(flow.sample(20, 1, temperature)))


@pytest.mark.slow
def test_learns_a_two_dimensional_density():
    # A ring: no affine map of a normal comes near it.
    angle, radius = np.random.default_rng(0).normal([0, 2], [9, 0.1], size=(2000, 2)).T
    z = tf.constant(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), tf.float32)
    block = functools.partial(
        BothHalvesCoupling, SplineMap, functools.partial(small, hidden=32, batch_norm=False)
    )
    flow = Flow(lambda: Chain([block, RandomPermutation], repeats=2))
    flow.build((None, 2))
    gaussian = tfd.MultivariateNormalTriL(scale_tril=tf.linalg.cholesky(np.cov(z, rowvar=False)))
    start = float(np.mean(gaussian.log_prob(tf.cast(z, tf.float64))))
    optimizer = tf.keras.optimizers.Adam(5e-3)
    optimizer.build(flow.trainable_variables)

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(z, training=True))
        gradients = tape.gradient(loss, [w.value for w in flow.trainable_weights])
        optimizer.apply(gradients, flow.trainable_variables)
        return loss

    for _ in range(300):
        step()
    learned = float(tf.reduce_mean(flow.log_prob(z)))
    assert learned > start + 1.0
    norms = np.linalg.norm(flow.sample(2000, 1), axis=1)
    assert abs(np.median(norms) - 2.0) < 0.1


def test_dtypes_must_agree():
    with pytest.raises(ValueError, match="one dtype, got float64 and float32"):
        Flow(functools.partial(bijector, "float64"))
