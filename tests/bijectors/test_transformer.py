"""The autoregressive flow over tokens: who sees whom, odd sizes, maps, and what it refuses."""

from functools import partial

import bijector_battery as battery
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import MixtureLogisticMap, TransformerAutoregressive
from glf.networks import CausalTransformer
from glf.solvers import make_solver, solving

small = partial(CausalTransformer, width=4, heads=2, layers=2, expansion=1)


class Peeking(CausalTransformer):
    """Every token sees itself."""

    def call(self, inputs, condition=None, training=False):
        return super().call(tf.roll(inputs, -1, axis=1), condition)


def built(event, condition=None, **arguments):
    make = partial(TransformerAutoregressive, **{"make_network": small, **arguments})
    bijector = make(dtype="float64")
    bijector.build((None, *event), condition and (None, *condition))
    battery.randomise(bijector, np.random.default_rng(0))
    return bijector


def normal(*shape):
    return tf.constant(np.random.default_rng(1).normal(size=shape))


def reached(bijector, tokens):
    """[T, T], whether token j of the image differs once token i of the point is another one."""
    points = normal(1, *bijector.event_shape).numpy().repeat(1 + len(tokens), 0)
    for i, token in enumerate(tokens):
        points[(i + 1, *token)] += 0.5
    found = bijector.inverse(points).numpy()
    differs = [[np.any(moved[t] != found[0][t]) for t in tokens] for moved in found[1:]]
    return np.array(differs)


PATCHES = [
    np.s_[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] for row, column in np.ndindex(2, 2)
]
PIECES = [(np.s_[2 * i : 2 * i + 2],) for i in range(3)]


@pytest.mark.parametrize("order", ["sequential", "reversed"])
@pytest.mark.parametrize("tokens", [PATCHES, PIECES], ids=["patches", "pieces"])
def test_a_token_reaches_itself_and_those_after_it(tokens, order):
    bijector = built((4, 4, 2) if tokens is PATCHES else (6,), patch=2, order=order)
    right = np.triu(np.ones((len(tokens), len(tokens)), bool))
    right = right if order == "sequential" else right.T
    np.testing.assert_array_equal(reached(bijector, tokens), right)
    # Of its own token a number reaches itself alone.
    alone = [(0, 2, 0), (1, 3, 1)] if tokens is PATCHES else [(2,), (3,)]
    np.testing.assert_array_equal(reached(bijector, alone), np.eye(2, dtype=bool))


def test_a_leak_is_noticed():
    peeking = partial(Peeking, width=4, heads=2, layers=1)
    leaking = built((6,), patch=2, make_network=peeking)
    assert np.all(reached(leaking, [(2,), (3,)]))


def test_a_place_of_a_context_reaches_its_token_and_those_after_it():
    bijector = built((4, 4, 1), (8, 4, 1), patch=2)
    context = normal(1, 8, 4, 1).numpy().repeat(2, 0)
    context[1, 5, 0] += 1.0
    first, second = bijector.inverse(normal(1, 4, 4, 1).numpy().repeat(2, 0), context).numpy()
    changed = [np.any(first[patch] != second[patch]) for patch in PATCHES]
    assert changed == [False, False, True, True]


def test_odd_images_and_mixtures():
    """In patches of one pixel, by a map without a closed inverse, after its own start."""
    make_map = partial(MixtureLogisticMap, components=2, min_log_scale=-1.0)
    bijector = built((3, 1, 2), (1, 1, 2), make_map=make_map)
    y, context = normal(4, 3, 1, 2), normal(4, 1, 1, 2)
    u, log_det = bijector.inverse_and_log_det(y, context)
    back, back_log_det = bijector.forward_and_log_det(u, context)
    np.testing.assert_allclose(back, y, atol=1e-9)
    np.testing.assert_allclose(back_log_det, -log_det, atol=1e-9)


@pytest.mark.parametrize(("size", "patch", "condition"), [(1, 1, None), (3, 1, (2,)), (4, 2, None)])
def test_vectors(size, patch, condition):
    """Both ways, against the determinant of the Jacobian."""
    bijector = built((size,), condition, patch=patch)
    y, context = normal(1, size), condition and normal(1, *condition)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        u, log_det = bijector.inverse_and_log_det(y, context)
    jacobian = tape.jacobian(u, y, experimental_use_pfor=False)[0, :, 0]
    np.testing.assert_allclose(log_det[0], np.linalg.slogdet(jacobian)[1], atol=1e-9)
    back, back_log_det = bijector.forward_and_log_det(u, context)
    np.testing.assert_allclose(back, y, atol=1e-9)
    np.testing.assert_allclose(back_log_det, -log_det, atol=1e-9)


def test_solvers_agree():
    """The exact one to the last bit with the definition, the one with caches but for rounding."""
    bijector = built((4, 4, 1), (1, 1, 2), patch=2, order="reversed")
    u, context = normal(3, 4, 4, 1), normal(3, 1, 1, 2)
    found = {}
    for name in ("sequential", "fixed_point", "cached_sequential"):
        with solving(bijector, make_solver(name)) as solutions:
            found[name] = bijector.forward_and_log_det(u, context)
        assert name == "cached_sequential" or np.all(solutions[0].certified)
        assert np.all(solutions[0].calls <= 4)
    for a, b, c in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, atol=1e-12)


def test_it_starts_as_the_identity():
    bijector = TransformerAutoregressive(patch=2, make_network=small)
    bijector.build((None, 4, 4, 1))
    y = tf.cast(normal(2, 4, 4, 1), tf.float32)
    for found, log_det in (bijector.inverse_and_log_det(y), bijector.forward_and_log_det(y)):
        np.testing.assert_array_equal(found, y)
        np.testing.assert_array_equal(log_det, [0.0, 0.0])


def test_what_is_refused():
    with pytest.raises(ValueError, match="patch >= 1 and an order"):
        TransformerAutoregressive(order="random")
    with pytest.raises(ValueError, match="patch >= 1"):
        TransformerAutoregressive(patch=0)
    for shape in ((None, 5), (None, 4, 3, 1), (None, 2, 2, 2, 2)):
        with pytest.raises(ValueError, match="multiples of 2"):
            TransformerAutoregressive(patch=2).build(shape)
    with pytest.raises(ValueError, match=r"conditions \[batch, c\] of vectors"):
        TransformerAutoregressive().build((None, 4), (None, 1, 1, 2))
    with pytest.raises(ValueError, match="multiple of heads, got 1, 6, 4"):
        CausalTransformer(1, width=6)
