"""Every integer map of the registry: integers to integers, exactly invertible, with gradients."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from class_names import concrete_names, name_of

from glf.integer_flows.base import LARGEST_TRANSLATION, IntegerMap, rounded
from glf.integer_flows.coupling import IntegerCoupling, TriangularIntegerCoupling
from glf.integer_flows.permutation import ChannelPermutation, Permuted
from glf.integer_flows.registry import REGISTRY
from glf.integer_flows.squeeze import IntegerSqueeze
from glf.networks.rezero_conditioner import RezeroConditioner

SHAPE = (2, 4, 4)
UNIT = 4


class Case:
    """A map with random weights, and integers for it."""

    def __init__(self, name):
        keras.utils.set_random_seed(0)
        self.map = REGISTRY[name](unit=UNIT)
        self.map.build((None, *SHAPE))
        rng = np.random.default_rng(1)
        for weight in self.map.trainable_weights:
            weight.assign_add(0.5 * rng.normal(size=weight.shape))
        self.x = tf.constant(rng.integers(-9, 9, (7, *SHAPE)), tf.float32)


@pytest.fixture(scope="module", params=REGISTRY)
def case(request):
    return Case(request.param)


def test_all_are_here():
    made = {type(make(unit=1)) for make in REGISTRY.values()}
    assert set(map(name_of, made)) == concrete_names(IntegerMap)


def test_integers_there_and_back(case):
    u = case.map.inverse(case.x)
    assert u.shape[1:] == case.map.base_shape
    np.testing.assert_array_equal(u, np.round(u))
    assert np.any(np.reshape(u, (7, -1)) != np.reshape(case.x, (7, -1)))
    np.testing.assert_array_equal(case.map.forward(tf.identity(u)), case.x)
    there = case.map.forward(tf.reshape(case.x, (-1, *case.map.base_shape)))
    np.testing.assert_array_equal(there, np.round(there))
    again = case.map.inverse(tf.identity(there))
    np.testing.assert_array_equal(np.ravel(again), np.ravel(case.x))


def test_gradients_of_all_weights(case):
    """The rounding does not stop them."""
    if not case.map.trainable_weights:
        return
    weights = [weight.value for weight in case.map.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = tf.reduce_sum(tf.square(case.map.inverse(case.x)))
    for gradient in tape.gradient(loss, weights):
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)


def test_a_whole_grid_is_mapped_one_to_one():
    """Two couplings with weights of random size: 3^4 points to as many, and back."""
    for coupling in (IntegerCoupling, TriangularIntegerCoupling):
        keras.utils.set_random_seed(2)
        step = Permuted(lambda unit, c=coupling: c(0.75, RezeroConditioner, unit=unit), unit=1)
        step.build((None, 1, 1, 4))
        for weight in step.trainable_weights:
            weight.assign_add(np.random.default_rng(3).normal(size=weight.shape))
        grid = np.array(list(itertools.product(range(3), repeat=4)), np.float32)
        u = step.inverse(grid[:, None, None]).numpy()
        assert len(np.unique(u.reshape(81, 4), axis=0)) == 81
        assert np.any(np.abs(u) > 3)
        np.testing.assert_array_equal(step.forward(u)[:, 0, 0], grid)


def test_the_gradient_through_rounding_is_that_of_its_argument():
    t = tf.constant([-1.5, -0.5, 0.2, 0.5, 1.7])
    with tf.GradientTape() as tape:
        tape.watch(t)
        loss = tf.reduce_sum(rounded(t) * [1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(rounded(t), [-2, 0, 0, 0, 2])
    np.testing.assert_array_equal(tape.gradient(loss, t), [1, 2, 3, 4, 5])


def by_definition(coupling, x):
    """u of a triangular coupling, in NumPy, a pixel and a channel at a time."""
    kept, moved = x[..., : coupling.kept], x[..., coupling.kept :]
    numbers = coupling.network(kept / UNIT).numpy()
    m, u = coupling.moved_channels, x.copy()
    for place in np.ndindex(x.shape[:3]):
        triangle = np.zeros((m, m), np.float32)
        triangle[np.tril_indices(m, -1)] = numbers[place][m:]
        t = UNIT * numbers[place][:m] + triangle @ moved[place]
        u[place][coupling.kept :] += np.round(t)
    return u


@pytest.mark.parametrize("name", ["quarter", "triangular"])
def test_couplings_by_their_equations(name):
    case = Case(name)
    u = case.map.inverse(case.x).numpy()
    if name == "triangular":
        np.testing.assert_array_equal(u, by_definition(case.map, case.x.numpy()))
        return
    kept, moved = case.x[..., :3], case.x[..., 3:]
    expected = moved + np.round(UNIT * case.map.network(kept / UNIT))
    np.testing.assert_array_equal(u, np.concatenate([kept, expected], -1))


def test_translations_are_limited_so_that_floats_hold_what_comes():
    """And with them the map is one to one whatever its weights are."""
    case = Case("quarter")
    for weight in case.map.trainable_weights:
        weight.assign(1e6 * weight.value)
    u = case.map.inverse(case.x)
    assert np.abs(u - case.x).max() == LARGEST_TRANSLATION
    np.testing.assert_array_equal(case.map.forward(tf.identity(u)), case.x)


def test_squeezes_are_those_of_tensorflow_and_of_rows_alone():
    x = tf.reshape(tf.range(48.0), (1, 4, 6, 2))
    squeeze = IntegerSqueeze()
    squeeze.build((None, 4, 6, 2))
    np.testing.assert_array_equal(squeeze.inverse(x), tf.nn.space_to_depth(x, 2))
    row = IntegerSqueeze()
    row.build((None, 1, 6, 1))
    assert row.base_shape == (1, 3, 2)
    np.testing.assert_array_equal(
        row.inverse(tf.reshape(tf.range(6), (1, 1, 6, 1)))[0, 0], [[0, 1], [2, 3], [4, 5]]
    )
    for shape in ((3, 4), (1, 1)):
        with pytest.raises(ValueError, match="halves sides that are even or 1"):
            IntegerSqueeze().build((None, *shape, 2))


def test_every_channel_has_its_turn_in_rotation():
    turn = ChannelPermutation("rotated")
    turn.build((None, 1, 1, 3))
    x = tf.reshape([1.0, 2.0, 3.0], (1, 1, 1, 3))
    once = turn.inverse(x)
    assert {float(v[0, 0, 0, 2]) for v in (x, once, turn.inverse(once))} == {1, 2, 3}


def test_refusals():
    for wrong, message in (
        (lambda: IntegerCoupling(1.0), "lies between 0 and 1, got 1.0"),
        (lambda: IntegerCoupling().build((None, 2, 2, 1)), "at least 2 channels, got 1"),
        (lambda: IntegerSqueeze(unit=3), "is a power of two, got 3"),
        (lambda: ChannelPermutation("none"), "order is one of"),
        (lambda: Permuted(back=True, order="rotated"), "would move the same channels"),
        (lambda: Permuted(lambda unit: unit), "Permuted.make_map makes integer maps, got 1"),
        (lambda: IntegerSqueeze().inverse(np.zeros((1, 2, 2, 1))), "no weights yet"),
        (lambda: Case("quarter").map.inverse(np.zeros((1, 2, 4, 3))), "was built for integers"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
