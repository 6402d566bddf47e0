"""Chains, couplings and the shared contract: order, shapes, networks called once, errors."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from bijector_battery import randomise

from glf.bijectors import (
    IAF,
    MAF,
    ActNorm,
    AffineCoupling,
    AffineMap,
    BothHalvesCoupling,
    Chain,
    Coupling,
    DiagonalScaling,
    Householder,
    ImageCoupling,
    ImageIAF,
    Invert,
    RandomPermutation,
)
from glf.bijectors.base import Bijector
from glf.bijectors.registry import IMAGES, REGISTRY
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.made import MADE
from glf.solvers import Sequential


def built(bijector, size=4, condition_size=None):
    bijector.build((None, size), condition_size and (None, condition_size))
    return bijector


@pytest.fixture
def y():
    return tf.constant(np.random.default_rng(0).normal(size=(3, 4)), tf.float32)


def test_chain_is_listed_from_data_to_base(y):
    chain = built(Chain([DiagonalScaling, ActNorm]))
    scaling, norm = chain.bijectors
    scaling.log_scale.assign(np.log([2.0, 2.0, 2.0, 2.0]))
    norm.shift.assign([1.0, 1.0, 1.0, 1.0])
    u, log_det = chain.inverse_and_log_det(y)
    np.testing.assert_allclose(u, 2.0 * y + 1.0, rtol=1e-6)
    np.testing.assert_allclose(log_det, np.full(3, 4 * np.log(2.0)), rtol=1e-6)


def test_a_chain_makes_every_bijector_afresh():
    chain = built(Chain([BothHalvesCoupling, RandomPermutation], repeats=3))
    kinds = [type(b) for b in chain.bijectors]
    assert kinds == 3 * [BothHalvesCoupling, RandomPermutation]
    assert len({id(b) for b in chain.bijectors}) == 6


def test_invert_swaps_directions(y):
    bijector = built(Invert(DiagonalScaling))
    inside = bijector.bijector
    inside.log_scale.assign([1.0, 2.0, 3.0, 4.0])
    for a, b in ((0, 1), (1, 0)):
        methods = ("forward_and_log_det", "inverse_and_log_det")
        outer, inner = getattr(bijector, methods[a])(y), getattr(inside, methods[b])(y)
        np.testing.assert_array_equal(outer[0], inner[0])
        np.testing.assert_array_equal(outer[1], inner[1])


def test_affine_coupling_is_the_papers_and_leaves_the_other_half(y):
    for transform, fixed, moved in (("second", [0, 1], [2, 3]), ("first", [2, 3], [0, 1])):
        coupling = built(AffineCoupling(transform))
        randomise(coupling, np.random.default_rng(0))
        u, log_det = coupling.inverse_and_log_det(y)
        np.testing.assert_array_equal(u.numpy()[:, fixed], y.numpy()[:, fixed])
        raw = coupling.parameters(tf.gather(y, fixed, axis=1)).numpy()
        s = 2.0 * 0.636 * np.arctan(raw[..., 0])
        expected = y.numpy()[:, moved] * np.exp(s) + raw[..., 1]
        np.testing.assert_allclose(u.numpy()[:, moved], expected, rtol=1e-5)
        np.testing.assert_allclose(log_det, s.sum(axis=1), rtol=1e-5)


def test_both_halves_moves_both_with_four_networks(y):
    coupling = built(BothHalvesCoupling())
    networks = [*coupling.first_parameters.networks, *coupling.second_parameters.networks]
    assert len(networks) == 4
    randomise(coupling, np.random.default_rng(0))
    u, _ = coupling.inverse_and_log_det(y)
    assert np.all(u != y)
    raw = coupling.first_parameters(y[:, 2:]).numpy()
    s = 2.0 * 0.636 * np.arctan(raw[..., 0])
    np.testing.assert_allclose(u[:, :2], y[:, :2] * np.exp(s) + raw[..., 1], rtol=1e-5)


def test_affine_map_bounds_its_log_scale():
    raw = tf.constant([[-1e9, 0.0], [0.0, 0.0], [1e9, 0.0]])
    _, log_scale = AffineMap(clamp=1.5).apply(tf.ones(3), raw)
    assert np.all(np.abs(log_scale) < 1.5)
    np.testing.assert_allclose(log_scale, [-1.4985, 0.0, 1.4985], rtol=1e-3)


@pytest.mark.parametrize("make", [AffineCoupling, BothHalvesCoupling, MAF, IAF])
def test_starts_as_the_identity(make, y):
    bijector = built(make())
    for method in (bijector.forward_and_log_det, bijector.inverse_and_log_det):
        image, log_det = method(y)
        np.testing.assert_allclose(image, y, atol=1e-6)
        np.testing.assert_allclose(log_det, 0, atol=1e-6)


class Counting(keras.layers.Layer):
    """A network that counts its calls."""

    def __init__(self, inside):
        super().__init__(dtype=inside.compute_dtype)
        self.inside, self.calls = inside, 0

    def build(self, input_shape, condition_shape=None):
        self.inside.build(input_shape, condition_shape)
        self.places = getattr(self.inside, "places", None)

    def call(self, inputs, condition=None, training=False):
        self.calls += 1
        return self.inside(inputs, condition)

    @property
    def degrees(self):
        return self.inside.degrees


def test_a_coupling_calls_its_network_once_a_pass(y):
    coupling = built(
        AffineCoupling(make_conditioner=lambda units, dtype: Counting(DenseConditioner(units)))
    )
    (network,) = coupling.parameters.networks
    coupling.forward_and_log_det(y)
    assert network.calls == 1
    coupling.inverse_and_log_det(y)
    assert network.calls == 2


@pytest.mark.parametrize(("make", "forward_calls", "inverse_calls"), [(MAF, 5, 1), (IAF, 1, 5)])
def test_autoregressive_passes(make, forward_calls, inverse_calls, y):
    def counting(parameters, dtype):
        return Counting(MADE(parameters))

    flow = built(make(make_network=counting, make_solver=Sequential))
    flow.forward_and_log_det(y)
    assert flow.network.calls == forward_calls
    flow.inverse_and_log_det(y)
    assert flow.network.calls == forward_calls + inverse_calls


def test_float32_whatever_the_global_policy(y):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        flow = built(Chain([BothHalvesCoupling, RandomPermutation]))
        u, log_det = flow.inverse_and_log_det(tf.cast(y, tf.bfloat16))
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert u.dtype == log_det.dtype == tf.float32
    assert {w.dtype for w in flow.weights} == {"float32", "int64"}


def test_batch_norm_inside_conditioners_follows_training(y):
    coupling = built(AffineCoupling())
    randomise(coupling, np.random.default_rng(0))
    before = [w.numpy() for w in coupling.non_trainable_weights]
    fixed = coupling.inverse_and_log_det(y)[0]
    for old, new in zip(before, coupling.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, new)
    trained = coupling.inverse_and_log_det(y, training=True)[0]
    assert np.any(fixed != trained)
    assert any(
        np.any(old != new.numpy())
        for old, new in zip(before, coupling.non_trainable_weights, strict=True)
    )


def test_keras_call_is_the_inverse(y):
    coupling = built(AffineCoupling())
    randomise(coupling, np.random.default_rng(0))
    np.testing.assert_array_equal(coupling(y)[0], coupling.inverse_and_log_det(y)[0])


def test_plain_directions_are_the_points_of_the_fused_ones(y):
    coupling = built(AffineCoupling(), condition_size=2)
    randomise(coupling, np.random.default_rng(0))
    rest = (tf.ones((3, 2)), True)
    for direction in ("forward", "inverse"):
        plain = getattr(coupling, direction)(y, *rest)
        np.testing.assert_array_equal(
            plain, getattr(coupling, f"{direction}_and_log_det")(y, *rest)[0]
        )


def test_public_methods_are_the_bases():
    """A bijector writes the mathematics; nothing of it is in the way of the checks."""
    public = {name for name, value in vars(Bijector).items() if getattr(value, "__final__", False)}
    assert public == {"forward", "inverse", "forward_and_log_det", "inverse_and_log_det"}
    for make in (REGISTRY | IMAGES).values():
        kind = type(make(dtype="float32"))
        assert all(getattr(kind, name).__final__ for name in public), kind


OBJECTS = {
    "Chain.make_bijectors": lambda: Chain([ActNorm()]),
    "Invert.make_bijector": lambda: Invert(ActNorm()),
    "Coupling.make_map": lambda: Coupling(AffineMap()),
    "BothHalvesCoupling.make_map": lambda: BothHalvesCoupling(AffineMap()),
    "ImageCoupling.make_map": lambda: ImageCoupling(AffineMap()),
    "MAF.make_map": lambda: MAF(AffineMap()),
    "MAF.make_network": lambda: MAF(make_network=MADE(4)),
    "IAF.make_map": lambda: IAF(AffineMap()),
    "ImageIAF.make_map": lambda: ImageIAF(AffineMap()),
    "A coupling's make_conditioner": lambda: built(
        AffineCoupling(make_conditioner=DenseConditioner(4))
    ),
}


@pytest.mark.parametrize("where", OBJECTS)
def test_an_object_in_place_of_its_factory(where):
    with pytest.raises(ValueError, match=f"{where} is a factory, .* got"):
        OBJECTS[where]()


def test_view_broadcasts_conditions_and_takes_single_points(y):
    coupling = built(AffineCoupling(dtype="float64"), condition_size=2)
    randomise(coupling, np.random.default_rng(0))
    condition = tf.constant(np.random.default_rng(2).normal(size=(3, 2)))
    points = tf.constant(np.random.default_rng(1).normal(size=(2, 3, 4)))
    log_det = coupling.as_tfp(condition).inverse_log_det_jacobian(points, event_ndims=1)
    assert log_det.shape == (2, 3)
    expected = coupling.inverse_and_log_det(points[1], condition)[1]
    np.testing.assert_allclose(log_det[1], expected)
    scaling = built(DiagonalScaling())
    assert scaling.as_tfp().forward(tf.zeros(4)).shape == (4,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chain([]), "at least one factory"),
        (lambda: Chain(ActNorm), "a list of at least one factory"),
        (lambda: Chain([ActNorm], repeats=0), "repeats >= 1"),
        (lambda: Chain([ActNorm, functools.partial(ActNorm, dtype="float64")]), "of one dtype"),
        (lambda: Chain([AffineMap]), "makes bijectors, got"),
        (lambda: AffineCoupling("third"), '"first" or "second"'),
        (lambda: AffineMap(clamp=0.0), "clamp > 0"),
        (lambda: Householder(num_reflections=0), "num_reflections >= 1"),
        (lambda: ActNorm().build((None, 4, 4)), "flatten them first"),
        (lambda: ActNorm().build((None, None)), "known and not empty"),
        (lambda: ActNorm().build((None, 4), (None, 2, 2)), "on conditions of shape"),
        (lambda: ActNorm().inverse_and_log_det(tf.zeros((1, 4))), "call build"),
        (lambda: ActNorm().as_tfp(), "build it before"),
        (lambda: built(ActNorm()).inverse_and_log_det(tf.zeros((1, 5))), r"\[batch, 4\]"),
        (
            lambda: built(ActNorm(), 4, 2).inverse_and_log_det(tf.zeros((1, 4))),
            "condition_shape=",
        ),
        (
            lambda: built(ActNorm()).inverse_and_log_det(tf.zeros((1, 4)), tf.zeros((1, 2))),
            "condition_shape=None",
        ),
        (
            lambda: built(ActNorm(), 4, 2).inverse_and_log_det(tf.zeros((1, 4)), tf.zeros((1, 3))),
            r"condition_shape=\(None, 2\), but got condition=\(1, 3\)",
        ),
    ],
)
def test_user_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("order", ["sequential", "reversed", "random"])
def test_autoregressive_orders(order):
    network = functools.partial(MADE, order=order, seed=3, hidden=(8,))
    flow = built(MAF(make_network=network, dtype="float64"), size=5)
    randomise(flow, np.random.default_rng(0))
    u = tf.constant(np.random.default_rng(1).normal(size=(4, 5)))
    y, _ = flow.forward_and_log_det(u)
    np.testing.assert_allclose(flow.inverse_and_log_det(tf.identity(y))[0], u, atol=1e-9)


def test_coupling_takes_any_elementwise_map(y):
    coupling = built(Coupling(functools.partial(AffineMap, clamp=0.5), separate_networks=True))
    assert len(coupling.parameters.networks) == 2
    np.testing.assert_allclose(coupling.inverse_and_log_det(y)[0], y, atol=1e-6)
