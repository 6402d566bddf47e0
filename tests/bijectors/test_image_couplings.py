from functools import partial
from unittest import mock

import bijector_battery as battery
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.elementwise import AdditiveMap, AffineMap, SigmoidAffineMap, TanhAffineMap
from glf.bijectors.image_autoregressive import ImageIAF
from glf.bijectors.image_coupling import ImageCoupling
from glf.bijectors.mixture_logistic import MixtureLogisticMap
from glf.bijectors.spline import SplineMap
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.masked_image_network import MaskedImageNetwork

glow = partial(GlowConditioner, filters=4)
masked = partial(MaskedImageNetwork, filters=6, layers=1, first_kernel=3)
MASKS = ("channel", "checkerboard", "packed_checkerboard", "packed_columns")
BOARDS = MASKS[1:]


def built(make, shape, context=None, scale=0.3, dtype="float32"):
    bijector = make(dtype=dtype)
    bijector.build((None, *shape), context and (None, *context))
    rng = np.random.default_rng(0)
    for weight in bijector.weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))
    return bijector


def image(shape, scale=1.0, dtype=tf.float32):
    return tf.constant(scale * np.random.default_rng(1).normal(size=(2, *shape)), dtype)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("shape", [(3, 3, 3), (2, 4, 2), (3, 1, 2), (1, 2, 5)], ids=str)
@pytest.mark.parametrize("mask", MASKS)
def test_what_is_moved(mask, shape, flip):
    if mask == "packed_columns" and shape[1] == 1:
        pytest.skip("one column cannot be divided")
    coupling = built(partial(ImageCoupling, mask=mask, flip=flip, make_conditioner=glow), shape)
    y = image(shape)
    u, _ = coupling.inverse_and_log_det(y)
    rows, columns, channels = np.indices(shape)
    second = {"channel": channels >= shape[2] // 2, "packed_columns": columns % 2 == 1}
    second = second.get(mask, (rows + columns) % 2 == 1)
    expected = np.broadcast_to(second != flip, (2, *shape))
    np.testing.assert_array_equal(u != y, expected)
    back, _ = coupling.forward_and_log_det(u)
    np.testing.assert_allclose(back, y, atol=1e-4)
    np.testing.assert_array_equal(back[~expected], y[~expected])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 3, 1), (1, 5, 1), (3, 1, 2)], ids=str)
@pytest.mark.parametrize("mask", BOARDS)
def test_checkerboards_of_odd_width(mask, shape):
    if mask == "packed_columns" and shape != (3, 3, 1):
        pytest.skip("like a packed checkerboard, or not divisible")
    make = partial(ImageCoupling, SigmoidAffineMap, mask, shape[0] == 3, glow)
    case = battery.Case(make, shape, (shape[0], 1, 2), batch=2)
    battery.check_jacobian(case)
    battery.check_log_dets_are_opposite(case)


@pytest.mark.parametrize("mask", MASKS)
def test_a_finer_condition_is_seen_everywhere(mask):
    context = (4, 12, 1)
    coupling = built(partial(ImageCoupling, mask=mask, make_conditioner=glow), (2, 3, 2), context)
    condition = image(context)
    with tf.GradientTape() as tape:
        tape.watch(condition)
        _, log_det = coupling.inverse_and_log_det(image((2, 3, 2)), condition)
    assert np.all(tape.gradient(log_det, condition) != 0)


@pytest.mark.parametrize("mask", MASKS)
def test_one_network_evaluation_a_pass_and_the_identity_at_the_start(mask):
    coupling = ImageCoupling(mask=mask, make_conditioner=glow)
    coupling.build((None, 2, 4, 2))
    calls = []
    network = coupling.network
    coupling.network = lambda *args, **options: calls.append(args) or network(*args, **options)
    point = image((2, 4, 2))
    for method in (coupling.forward_and_log_det, coupling.inverse_and_log_det):
        moved, log_det = method(point)
        np.testing.assert_array_equal(moved, point)
        np.testing.assert_array_equal(log_det, [0, 0])
    assert len(calls) == 2
    halves = {"channel": (2, 4, 1), "checkerboard": (2, 4, 3)}
    assert calls[0][0].shape[1:] == halves.get(mask, (2, 2, 2))


MAPS = {
    "additive": (AdditiveMap, 30.0),
    "affine": (AffineMap, 30.0),
    "sigmoid_affine": (SigmoidAffineMap, 30.0),
    "tanh_affine": (TanhAffineMap, 30.0),
    "spline": (partial(SplineMap, num_bins=4, bound=3.0), 30.0),
    "mixture": (partial(MixtureLogisticMap, components=3), 30.0),
}


@pytest.mark.parametrize(("make_map", "scale"), MAPS.values(), ids=MAPS)
def test_finite_for_large_weights_and_at_the_edges(make_map, scale):
    make = partial(ImageCoupling, make_map, "checkerboard", make_conditioner=glow)
    coupling = built(make, (2, 3, 1), scale=scale)
    edges = tf.constant([-1e3, -3.0, 0.0, 3.0, np.nextafter(np.float32(3), 9), 1e3], tf.float32)
    points = tf.reshape(tf.stack([edges, edges[::-1], 0 * edges]), (3, 2, 3, 1))

    @tf.function(autograph=False)
    def everything(point):
        with tf.GradientTape() as tape:
            tape.watch(point)
            parts = (*coupling.forward_and_log_det(point), *coupling.inverse_and_log_det(point))
            total = sum(tf.reduce_sum(part) for part in parts)
        weights = [weight.value for weight in coupling.trainable_weights]
        return parts, tape.gradient(total, [point, *weights])

    for part in tf.nest.flatten(everything(points)):
        assert np.all(np.isfinite(part))


def test_tanh_affine_with_a_factor_for_all():
    coupling = ImageCoupling(TanhAffineMap, make_conditioner=glow, dtype="float64")
    coupling.build((None, 2, 3, 4))
    np.testing.assert_array_equal(coupling.shared, [1.0])
    assert [weight.name for weight in coupling.trainable_weights].count("shared") == 1
    rng = np.random.default_rng(0)
    for weight in coupling.weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape))
    y = image((2, 3, 4), dtype=tf.float64)
    raw = np.reshape(coupling.network(y[..., :2]), (2, 2, 3, 2, 2))
    log_scale = coupling.shared.numpy() * np.tanh(raw[..., 0])
    u, log_det = coupling.inverse_and_log_det(y)
    np.testing.assert_allclose(u[..., 2:], (y[..., 2:] + raw[..., 1]) * np.exp(log_scale))
    np.testing.assert_allclose(log_det, log_scale.sum((1, 2, 3)))


def test_sigmoid_affine():
    elementwise = SigmoidAffineMap()
    rng = np.random.default_rng(0)
    x, raw = tf.constant(rng.normal(size=50)), tf.constant(rng.normal(size=(50, 2)))
    scale = 0.05 + 0.95 / (1 + np.exp(-raw[:, 0] - 2.0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_derivative = elementwise.apply(x, raw)
    np.testing.assert_allclose(y, (x + raw[:, 1]) * scale, rtol=1e-12)
    np.testing.assert_allclose(log_derivative, np.log(tape.gradient(y, x)), rtol=1e-10)
    back, opposite = elementwise.undo(y, raw)
    np.testing.assert_allclose(back, x, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(opposite, -log_derivative)
    start = np.exp(elementwise.apply(x, tf.zeros_like(raw))[1])
    np.testing.assert_allclose(start, 0.887, atol=5e-4)
    extreme = tf.constant([[-1e30, 0.0], [1e30, 0.0]], tf.float32)
    np.testing.assert_allclose(elementwise.undo(tf.ones(2), extreme)[0], [20, 1], rtol=1e-5)
    with pytest.raises(ValueError, match="min_scale in"):
        SigmoidAffineMap(min_scale=0.0)


@pytest.mark.parametrize(
    ("mask", "shape", "message"),
    [
        ("channel", (4, 4, 1), "at least 2 channels, got 1"),
        ("checkerboard", (1, 1, 4), "at least 2 pixels, got 1 x 1"),
        ("packed_columns", (4, 1, 4), "at least 2 of them, got 1"),
        ("stripes", (4, 4, 4), "got 'stripes'"),
    ],
)
def test_refuses_what_cannot_be_divided(mask, shape, message):
    with pytest.raises(ValueError, match=message):
        ImageCoupling(mask=mask).build((None, *shape))


@pytest.fixture(scope="module")
def iaf():
    return built(partial(ImageIAF, make_network=masked), (3, 3, 2), dtype="float64")


def test_autoregressive_jacobian_is_triangular(iaf):
    u = tf.reshape(image((3, 3, 2), dtype=tf.float64), (2, 18))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(u)
        y = tf.reshape(iaf.forward_and_log_det(tf.reshape(u, (-1, 3, 3, 2)))[0], (2, 18))
    jacobian = tape.batch_jacobian(y, u, experimental_use_pfor=False).numpy()
    assert not np.triu(jacobian, 1).any()
    # Channels fastest: the second channel of the first pixel sees the first.
    assert jacobian[:, 1, 0].all()
    assert jacobian[:, 2, 1].all()


def counted_passes(bijector, y):
    calls, kind = [], type(bijector.network)
    call = kind.call

    def counting(*args, **kwargs):
        calls.append(1)
        return call(*args, **kwargs)

    with mock.patch.object(kind, "call", counting):
        u, _ = bijector.inverse_and_log_det(y)
    return u, len(calls)


def test_autoregressive_inverse_is_the_sequential_solution(iaf):
    y = image((3, 3, 2), dtype=tf.float64)
    u, passes = counted_passes(iaf, y)
    assert 2 < passes <= 19
    expected = np.zeros((2, 18))
    for i in range(18):
        raw = iaf.network(tf.reshape(tf.constant(expected), (2, 3, 3, 2)))
        expected[:, i] = np.reshape(iaf.elementwise.undo(y, raw)[0], (2, 18))[:, i]
    np.testing.assert_allclose(np.reshape(u, (2, 18)), expected, rtol=1e-12)


def test_autoregressive_inverse_stops_as_soon_as_it_can():
    start = ImageIAF(make_network=masked)
    start.build((None, 3, 3, 2))
    u, passes = counted_passes(start, image((3, 3, 2)))
    np.testing.assert_array_equal(u, image((3, 3, 2)))
    assert passes == 2


def test_autoregressive_inverse_stays_finite_for_large_weights():
    wild = built(partial(ImageIAF, make_network=masked), (3, 3, 2), scale=30)
    u, passes = counted_passes(wild, image((3, 3, 2)))
    assert passes <= 19
    assert np.all(np.isfinite(u))


def test_autoregressive_gradients():
    case = battery.Case(partial(ImageIAF, make_network=masked), (2, 2, 2), (1, 1, 2), batch=2)
    battery.check_gradients(case)
