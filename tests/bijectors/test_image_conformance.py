"""Every bijector of images through the battery: odd sizes, one channel, contexts."""

import bijector_battery as battery
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.base import ImageBijector
from glf.bijectors.registry import IMAGES

# Names say what a map needs: even sides, or several channels.
EVEN = [name for name in IMAGES if "squeeze" in name or "patches" in name]
SEVERAL_CHANNELS = [name for name in IMAGES if "channel" in name]
OF_UNIT_INTERVAL = [name for name in IMAGES if "logit" in name]
LEARNED_CONTEXT = [name for name in IMAGES if any(k in name for k in ("coupling", "iaf", "former"))]
SHORT = ("shapes", "round_trip", "log_dets_are_opposite", "jacobian")


def case(name, event, context=None):
    return battery.Case(IMAGES[name], event, context, unit=name in OF_UNIT_INTERVAL)


@pytest.fixture(scope="module", params=sorted(IMAGES))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def conditional(name):
    return case(name, (2, 4, 3), (2, 4, 2))


@pytest.mark.slow
@battery.checks(long=True)
def test_passes_with_a_context(conditional, check):
    check(conditional)


def test_context_matters(conditional, name):
    if name in LEARNED_CONTEXT:
        battery.check_condition_matters(conditional)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in IMAGES if n not in EVEN])
def test_odd_sizes(name):
    odd = case(name, (3, 5, 2))
    for check in SHORT:
        battery.CHECKS[check](odd)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in IMAGES if n not in EVEN + SEVERAL_CHANNELS])
def test_one_channel(name):
    one = case(name, (3, 2, 1))
    for check in SHORT:
        battery.CHECKS[check](one)


@pytest.mark.parametrize("name", EVEN)
def test_odd_sides_are_refused(name):
    with pytest.raises(ValueError, match="2"):
        IMAGES[name](dtype="float32").build((None, 3, 4, 2))


@pytest.mark.parametrize("name", SEVERAL_CHANNELS)
def test_a_single_channel_is_refused(name):
    if name not in EVEN:
        with pytest.raises(ValueError, match="channel"):
            IMAGES[name](dtype="float32").build((None, 4, 4, 1))


def test_vectors_are_refused(name):
    if isinstance(IMAGES[name](dtype="float32"), ImageBijector):
        with pytest.raises(ValueError, match="images"):
            IMAGES[name](dtype="float32").build((None, 6))


def test_extreme_points_stay_finite(name):
    """In float32, far outside of what any data reaches, both ways and back."""
    bijector = IMAGES[name](dtype="float32")
    bijector.build((None, 2, 4, 2))
    battery.randomise(bijector, np.random.default_rng(0))
    far = [-1e4, -100.0, 0.0, 1.0, 100.0, 1e4]
    u = tf.stack([tf.fill(bijector.base_shape, value) for value in far])
    inside = [0.0, 1.0, 0.5] if name in OF_UNIT_INTERVAL else far
    y = tf.stack([tf.fill(bijector.event_shape, value) for value in inside])
    for found in (bijector.forward_and_log_det(u), bijector.inverse_and_log_det(y)):
        assert all(np.all(np.isfinite(part)) for part in found)
