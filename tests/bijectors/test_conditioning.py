"""How badly conditioned matrices of weights are told from good ones."""

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.emerging import EmergingConv
from glf.bijectors.invertible_conv import InvertibleConv1x1
from glf.bijectors.lu_linear import LULinear
from glf.bijectors.periodic import PeriodicConv

CASES = {
    "emerging": (EmergingConv, (8, 8, 6)),
    "periodic": (PeriodicConv, (4, 4, 2)),
    "conv_1x1": (InvertibleConv1x1, (2, 2, 6)),
    "lu_linear": (LULinear, (6,)),
}


def built(name, condition_shape=None):
    make, event = CASES[name]
    bijector = make()
    bijector.build((None, *event), condition_shape)
    return bijector


@pytest.mark.parametrize("name", CASES)
def test_new_matrices_are_well_conditioned(name):
    assert 0 < built(name).round_trip_error() < 1e-4


def test_large_weights_are_noticed():
    """Emerging convolutions far from the identity: noise does not come back."""
    bijector = built("emerging")
    rng = np.random.default_rng(0)
    for conv in (bijector.first, bijector.second):
        conv.off_diagonal.assign(0.5 * rng.normal(size=conv.off_diagonal.shape))
    error = bijector.round_trip_error()
    assert error > 1.0
    # What the layer does to the very same noise.
    y = tf.constant(rng.normal(size=(4, 8, 8, 6)), tf.float32)
    back, _ = bijector.forward_and_log_det(bijector.inverse_and_log_det(y)[0])
    assert 0.01 < np.abs(back - y).max() / error < 100
    for conv in (bijector.first, bijector.second):
        conv.off_diagonal.assign(30.0 * rng.normal(size=conv.off_diagonal.shape))
    assert bijector.round_trip_error() == np.inf


def test_a_singular_kernel_is_noticed():
    bijector = built("periodic")
    value = np.zeros(bijector.kernel.shape)
    value[1, 1], value[1, 0] = np.eye(2), -np.eye(2)
    bijector.kernel.assign(value)
    assert bijector.round_trip_error() > 0.1


def test_a_condition_that_is_ignored_is_no_obstacle():
    assert built("conv_1x1", (None, 1, 1, 3)).round_trip_error() < 1e-4
