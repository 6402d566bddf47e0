"""Guidance of affine flows: against products of normal densities, and what it is refused of."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import (
    IAF,
    MAF,
    AffineCoupling,
    BothHalvesCoupling,
    Chain,
    Invert,
    Planar,
    RandomPermutation,
    SplineCoupling,
)
from glf.bijectors.elementwise import AdditiveMap, AffineMap, SigmoidAffineMap, TanhAffineMap
from glf.bijectors.guidance import check_guidable, guided_forward
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.made import MADE

DENSE = partial(DenseConditioner, hidden=3, batch_norm=False, zero_init_last=False)
NETWORK = partial(MADE, hidden=(4,), zero_init_last=False)


def built(make, size=3):
    keras.utils.set_random_seed(3)
    bijector = make()
    bijector.build((None, size), (None, 2))
    rng = np.random.default_rng(3)
    for weight in bijector.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return bijector


def given(rows=4, size=3):
    rng = np.random.default_rng(5)
    draw = lambda n: tf.constant(rng.normal(size=(rows, n)), tf.float32)  # noqa: E731
    return draw(size), draw(2), draw(2)


def product(mine, others, weight):
    """The normal proportional to p_c^(1+w) p_0^-w by precisions, sigma_0 not below sigma_c."""
    (m_c, s_c), (m_0, s_0) = mine, others
    s_0 = np.maximum(s_0, s_c)
    precision = (1 + weight) / s_c**2 - weight / s_0**2
    mean = ((1 + weight) * m_c / s_c**2 - weight * m_0 / s_0**2) / precision
    return mean, precision**-0.5


def test_an_autoregressive_flow_draws_value_by_value_from_products():
    maf, weight = built(partial(MAF, make_network=NETWORK)), 1.5
    u, condition, without = given()
    y = np.zeros_like(u)

    def normals(value, c):
        """Means and deviations of a value given those before it: where base 0 and 1 go to."""
        raw = maf._parameters(tf.constant(y), c).numpy()[:, value]
        shift, log_scale = raw[:, 1], 2 * 0.636 * np.arctan(raw[:, 0])
        return shift, np.exp(log_scale)

    for value in np.argsort(maf.network.places):
        mean, deviation = product(normals(value, condition), normals(value, without), weight)
        y[:, value] = mean + deviation * u.numpy()[:, value]
    found = guided_forward(maf, u, condition, without, tf.constant(weight))
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [AdditiveMap, AffineMap, TanhAffineMap, SigmoidAffineMap])
def test_every_affine_map_both_ways(kind):
    """A coupling's half that is moved, of a point in which the other half chooses."""
    from glf.bijectors import Coupling

    coupling, weight = built(partial(Coupling, kind, make_conditioner=DENSE)), 0.7
    u, condition, without = given()
    zero, one = (tf.concat([u[:, :1], tf.fill([4, 2], n)], 1) for n in (0.0, 1.0))

    def normals(c):
        mean = coupling.forward(zero, c).numpy()[:, 1:]
        return mean, coupling.forward(one, c).numpy()[:, 1:] - mean

    mean, deviation = product(normals(condition), normals(without), weight)
    found = guided_forward(coupling, u, condition, without, tf.constant(weight)).numpy()
    np.testing.assert_array_equal(found[:, :1], u[:, :1])
    np.testing.assert_allclose(found[:, 1:], mean + deviation * u[:, 1:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        partial(Chain, [partial(BothHalvesCoupling, make_conditioner=DENSE), RandomPermutation], 2),
        partial(IAF, make_network=NETWORK),
    ],
)
def test_no_weight_and_no_difference_are_no_guidance(make):
    bijector = built(make)
    u, condition, without = given()
    plain = bijector.forward(u, condition)
    for other, weight in ((without, 0.0), (condition, 2.0)):
        found = guided_forward(bijector, u, condition, other, tf.constant(weight))
        np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)
    moved = guided_forward(bijector, u, condition, without, tf.constant(2.0))
    assert np.abs(moved - plain).max() > 0.1
    np.testing.assert_array_equal(bijector.forward(u, condition), plain)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (partial(SplineCoupling, make_conditioner=DENSE), "a SplineCoupling with a SplineMap"),
        (lambda: Invert(partial(Planar, DENSE)), "a Planar or a Radial"),
    ],
)
def test_what_is_not_affine_is_refused(make, said):
    with pytest.raises(ValueError, match=f"layers are affine, .* this one has {said}"):
        check_guidable(built(make))
    affine = built(partial(AffineCoupling, make_conditioner=DENSE))
    check_guidable(affine)
