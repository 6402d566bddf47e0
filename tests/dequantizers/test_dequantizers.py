"""Every dequantizer of the registry: range, density, gradients, seeds, conditions, saving."""

from functools import partial

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from class_names import concrete_names, name_of

from glf.bijectors.elementwise import AffineMap
from glf.core import random
from glf.core.mode import Training
from glf.dequantizers import (
    AutoregressiveDequantizer,
    Dequantizer,
    FlowDequantizer,
    UniformDequantizer,
    VariationalDequantizer,
)
from glf.dequantizers.registry import DEQUANTIZERS
from glf.networks.gated_attention_conditioner import GatedAttentionConditioner

SHAPE, LEVELS, BATCH = (2, 3, 2), 17, 5
FLOWS = sorted(set(DEQUANTIZERS) - {"uniform"})


def built(name, shape=SHAPE, levels=LEVELS, condition_shape=None, dtype="float64", scale=0.3):
    keras.utils.set_random_seed(0)
    layer = DEQUANTIZERS[name](dtype=dtype)
    layer.build(shape, levels, condition_shape)
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))
    return layer


class Case:
    def __init__(self, name, condition_shape):
        self.name, self.condition_shape = name, condition_shape
        self.layer = built(name, condition_shape=condition_shape)
        rng = np.random.default_rng(1)
        self.x = tf.constant(rng.integers(0, LEVELS, (BATCH, *SHAPE)), tf.uint8)
        self.condition = None
        if condition_shape is not None:
            self.condition = tf.constant(rng.normal(size=(BATCH, *condition_shape[1:])))

    def draw(self, seed=3, layer=None):
        return (layer or self.layer).sample_and_log_prob(self.x, seed, self.condition)


@pytest.fixture(
    scope="module",
    params=[(n, c) for n in sorted(DEQUANTIZERS) for c in (None, (None, 4, 6, 2))],
    ids=lambda p: f"{p[0]}-{p[1] and p[1][1:]}",
)
def case(request):
    return Case(*request.param)


@pytest.fixture(scope="module", params=sorted(DEQUANTIZERS))
def name(request):
    return request.param


def test_all_are_here():
    made = {name_of(type(make(dtype="float32"))) for make in DEQUANTIZERS.values()}
    assert made == concrete_names(Dequantizer)


def test_log_prob_is_that_of_the_draw(case):
    v, log_q = case.draw()
    assert v.shape == case.x.shape
    assert log_q.shape == (BATCH,)
    assert v.dtype == log_q.dtype == tf.float64
    assert np.all((v >= 0) & (v < 1))
    np.testing.assert_allclose(case.layer.log_prob(v, case.x, case.condition), log_q, atol=1e-9)


@pytest.mark.slow
def test_gradients(case):
    """All weights together along a random direction, against a central difference."""
    weights = case.layer.trainable_weights
    rng = np.random.default_rng(2)
    outcome = tf.constant(rng.normal(size=case.x.shape))

    @tf.function(autograph=False)
    def loss():
        v, log_q = case.draw()
        return tf.reduce_sum(outcome * v) + tf.reduce_sum(log_q)

    if not weights:
        assert case.name == "uniform"
        return
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [w.value for w in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path
        assert np.any(gradient != 0), weight.path
    directions = [rng.normal(size=w.shape) for w in weights]
    ends = []
    for step in (1e-6, -2e-6):
        for weight, direction in zip(weights, directions, strict=True):
            weight.assign_add(step * direction)
        ends.append(loss())
    for weight, direction in zip(weights, directions, strict=True):
        weight.assign_add(1e-6 * direction)
    expected = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    assert abs((ends[0] - ends[1]) / 2e-6 - expected) < 1e-4 * (1 + abs(expected))


@pytest.mark.slow
def test_seeds(case):
    v, log_q = case.draw()
    assert np.any(case.draw(4)[0] != v)
    fewer = None if case.condition is None else case.condition[:2]
    first, _ = case.layer.sample_and_log_prob(case.x[:2], 3, fewer)
    np.testing.assert_allclose(first, v[:2], atol=1e-12)
    seed = random.make_seed(3)
    free = [tf.TensorSpec((None, *SHAPE), tf.uint8), tf.TensorSpec((2,), tf.int32)]
    if case.condition is not None:
        free.append(tf.TensorSpec(case.condition_shape, tf.float64))
    inputs = [case.x, seed] + ([] if case.condition is None else [case.condition])
    graph = tf.function(case.layer.sample_and_log_prob, input_signature=free, autograph=False)
    modes = [graph(*inputs)]
    np.testing.assert_array_equal(graph(*inputs)[0], modes[0][0])
    if case.condition is not None:
        xla = tf.function(case.layer.sample_and_log_prob, jit_compile=True, autograph=False)
        modes.append(xla(*inputs))
    for found in modes:
        np.testing.assert_allclose(found[0], v, atol=1e-11)
        np.testing.assert_allclose(found[1], log_q, atol=1e-9)


def test_bits(name):
    """In float32 the noise has the same bits in all modes; networks round otherwise in a graph."""
    layer = built(name, dtype="float32")
    x = tf.zeros((BATCH, *SHAPE), tf.int32) + 5

    def draw(x):
        return layer.sample_and_log_prob(x, 3)

    once, twice = (tf.function(draw, autograph=False)(x) for _ in range(2))
    for eager, graph, again in zip(draw(x), once, twice, strict=True):
        assert eager.dtype == tf.float32
        np.testing.assert_array_equal(graph, again)
        np.testing.assert_allclose(graph, eager, rtol=1e-5, atol=1e-5)
        if name == "uniform":
            np.testing.assert_array_equal(graph, eager)


def test_what_the_noise_depends_on(case):
    v, log_q = case.draw()
    other_x = tf.cast((tf.cast(case.x, tf.int32) + 1) % LEVELS, tf.uint8)
    moved = [case.layer.sample_and_log_prob(other_x, 3, case.condition)]
    if case.condition is not None:
        moved.append(case.layer.sample_and_log_prob(case.x, 3, case.condition + 1))
    for other_v, other_log_q in moved:
        changed = np.any(other_v != v, axis=(1, 2, 3)) & (other_log_q != log_q)
        assert np.all(changed != (case.name == "uniform"))


def test_a_condition_that_is_the_same_everywhere(name):
    """As [batch, 1, 1, c] or repeated at all positions: the same densities."""
    small, large = (built(name, condition_shape=(None, *s, 3)) for s in ((1, 1), SHAPE[:2]))
    for weight, other in zip(large.weights, small.weights, strict=True):
        weight.assign(other)
    x = np.full((2, *SHAPE), 3)
    condition = np.random.default_rng(0).normal(size=(2, 1, 1, 3))
    drawn = small.sample_and_log_prob(x, 1, condition)
    repeated = large.sample_and_log_prob(x, 1, np.tile(condition, (1, *SHAPE[:2], 1)))
    for a, b in zip(drawn, repeated, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    np.testing.assert_allclose(small.log_prob(drawn[0], x, condition), drawn[1], atol=1e-9)


def test_checkpoint(case, tmp_path):
    other = DEQUANTIZERS[case.name](dtype="float64")
    other.build(SHAPE, LEVELS, case.condition_shape)
    path = tf.train.Checkpoint(layer=case.layer).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(layer=other).read(path).assert_consumed()
    np.testing.assert_allclose(case.draw(layer=other)[1], case.draw()[1], atol=1e-12)


@pytest.mark.slow
def test_integrates_to_one_and_draws_follow(name):
    """On an image of two pixels, over v = sigmoid(l) by the trapezoidal rule in l."""
    layer = built(name, (1, 2, 1), 3, (None, 1, 1, 2), scale=0.2)
    edge, num = 32.0, 260
    axis = np.linspace(-edge, edge, num)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 1, 2, 1)
    v = tf.sigmoid(tf.constant(grid))
    slope = np.prod(v * tf.sigmoid(-grid), axis=(1, 2, 3)) * (axis[1] - axis[0]) ** 2
    log_prob = tf.function(layer.log_prob, autograph=False)
    draw = tf.function(layer.sample_and_log_prob, autograph=False)
    condition = np.array([[[[0.5, -1.0]]]])
    for x in ([0, 2], [1, 1]):
        x = np.array(x).reshape(1, 1, 2, 1)
        many = (len(grid), 1, 1, 1)
        q = np.exp(log_prob(v, np.tile(x, many), np.tile(condition, many))) * slope
        np.testing.assert_allclose(np.sum(q), 1.0, atol=2e-3)
        many = (20000, 1, 1, 1)
        drawn = draw(np.tile(x, many), 7, np.tile(condition, many))[0].numpy()[:, 0, :, 0]
        points = v.numpy()[:, 0, :, 0]
        for statistic in (lambda p: p[:, 0], lambda p: p[:, 1] ** 2, lambda p: p[:, 0] * p[:, 1]):
            values = statistic(drawn)
            error = 5 * np.std(values) / len(values) ** 0.5 + 2e-3
            assert abs(np.mean(values) - np.sum(q * statistic(points))) < error


@pytest.mark.slow
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_sums_stay_in_their_bins(name, levels):
    """Also where the noise is pushed against both ends; log q is finite there."""
    extreme = built(name, (3, 3, 1), levels, dtype="float32", scale=3.0)
    ends = set()
    for value in (0, levels - 1):
        x = tf.fill((300, 3, 3, 1), tf.constant(value, tf.int32))
        v, log_q = extreme.sample_and_log_prob(x, 1)
        np.testing.assert_array_equal(tf.floor(tf.cast(x, tf.float32) + v), x)
        assert np.all(np.isfinite(log_q))
        assert np.all(np.isfinite(extreme.log_prob(v, x)))
        assert np.all((tf.cast(x, tf.float32) + v) / levels < 1)
        ends |= {float(tf.reduce_min(v)), float(tf.reduce_max(v))}
    if name in FLOWS:
        assert max(ends) == extreme.largest


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_uniform_noise_is_exact_in_the_sum(levels):
    layer = UniformDequantizer()
    layer.build((64, 64, 4), levels)
    x = tf.fill((64, 64, 64, 4), levels - 1)
    v, _ = layer.sample_and_log_prob(x, 5)
    y = tf.cast(x, tf.float32) + v
    np.testing.assert_array_equal(y - tf.cast(x, tf.float32), v)
    assert float(tf.reduce_max(y)) < levels
    # A million draws: some lie where the grid of all float32 noise would round up to 256.
    assert float(tf.reduce_max(v)) > 1 - 2.0**-16 - 2.0**-17
    assert abs(float(tf.reduce_mean(v)) - 0.5) < 0.002


def test_there_is_no_noise_outside_of_the_cube(name):
    layer = built(name, (1, 2, 1), 4)
    v = np.array([[0.0, 0.5], [0.1, 1.0], [-0.1, 0.2]]).reshape(3, 1, 2, 1)
    found = layer.log_prob(v, np.zeros((3, 1, 2, 1), int))
    np.testing.assert_array_equal(found[1:], [-np.inf, -np.inf])
    assert np.isfinite(found[0])
    assert name in FLOWS or found[0] == 0


def test_autoregressive_noise_depends_on_what_is_before_it():
    layer = built("autoregressive", (2, 2, 1))
    x = np.ones((1, 2, 2, 1), int)
    context = layer._context(x, None, False)
    noise = tf.constant(np.random.default_rng(0).normal(size=(1, 2, 2, 1)))
    with tf.GradientTape() as tape:
        tape.watch(noise)
        logits, _ = layer.bijector.forward_and_log_det(noise, context)
        logits = tf.reshape(logits, (4,))
    jacobian = tape.jacobian(logits, noise).numpy().reshape(4, 4)
    assert np.all(np.triu(jacobian, 1) == 0)
    assert np.count_nonzero(np.tril(jacobian, -1)) >= 4


@pytest.mark.parametrize("part", ["make_conditioner", "make_context"])
def test_dropout_needs_a_seed_and_is_reproducible(part):
    conditioner = partial(GatedAttentionConditioner, filters=4, blocks=1, heads=1, dropout=0.5)
    keras.utils.set_random_seed(0)
    layer = VariationalDequantizer(1, features=3, **{part: conditioner})
    layer.build(SHAPE, LEVELS)
    for weight in layer.trainable_weights:
        weight.assign_add(0.3 * np.random.default_rng(0).normal(size=weight.shape))
    x = np.ones((2, *SHAPE), int)
    still, _ = layer.sample_and_log_prob(x, 1)
    one, two, again = (layer.sample_and_log_prob(x, 1, None, Training(s))[0] for s in (1, 2, 1))
    np.testing.assert_array_equal(one, again)
    assert np.any(one != two)
    assert np.any(one != still)
    with pytest.raises(ValueError, match="needs a seed"):
        layer.sample_and_log_prob(x, 1, None, True)


def test_defaults_are_of_their_kind():
    kinds = VariationalDequantizer(), AutoregressiveDequantizer()
    for layer in kinds:
        layer.build((3, 3, 1), 256)
        v, log_q = layer.sample_and_log_prob(np.full((2, 3, 3, 1), 255), 1)
        assert v.dtype == tf.float32
        # The bijector starts as the identity: v = sigmoid(noise).
        noise = random.normal((2, 3, 3, 1), 1)
        np.testing.assert_allclose(v, tf.sigmoid(noise), atol=1e-5)
        expected = -0.5 * noise**2 - 0.5 * np.log(2 * np.pi) - tf.math.log(v * (1 - v))
        np.testing.assert_allclose(log_q, np.sum(expected, (1, 2, 3)), rtol=1e-4, atol=1e-3)
    assert len(kinds[0].bijector.bijectors) == 4


@pytest.mark.parametrize("make", [VariationalDequantizer, AutoregressiveDequantizer])
def test_logistic_noise_starts_uniform(make):
    layer = make(noise="logistic")
    layer.build((3, 3, 1), 256)
    v, log_q = layer.sample_and_log_prob(np.full((500, 3, 3, 1), 7), 1)
    np.testing.assert_allclose(log_q, np.zeros(500), atol=1e-3)
    assert scipy.stats.kstest(np.ravel(v), "uniform").statistic < 0.03


def test_user_errors():
    layer = UniformDequantizer()
    with pytest.raises(ValueError, match="not built yet"):
        layer.sample_and_log_prob(np.zeros((1, 2, 2, 1), int), 0)
    for shape, levels in (((None, 2, 2, 1), 4), ((2, 2), 4), ((2, 2, 1), 1), ((2, 2, 1), 2**17)):
        with pytest.raises(ValueError, match="is built for images"):
            UniformDequantizer().build(shape, levels)
    with pytest.raises(ValueError, match="reshaping"):
        UniformDequantizer().build((2, 2, 1), 4, (None, 3))
    layer.build((2, 2, 1), 4)
    with pytest.raises(ValueError, match=r"images of shape \(2, 2, 1\)"):
        layer.sample_and_log_prob(np.zeros((1, 2, 3, 1), int), 0)
    with pytest.raises(ValueError, match="condition_shape=None"):
        layer.sample_and_log_prob(np.zeros((1, 2, 2, 1), int), 0, np.zeros((1, 1, 1, 2)))
    given = built("flow", condition_shape=(None, 1, 1, 2))
    for wrong in (None, np.zeros((1, 1, 1, 3))):
        with pytest.raises(ValueError, match="condition_shape="):
            given.sample_and_log_prob(np.zeros((1, *SHAPE), int), 0, wrong)
    with pytest.raises(ValueError, match="num_couplings >= 1"):
        VariationalDequantizer(0)
    for wrong in ({"features": 0}, {"noise": "uniform"}):
        with pytest.raises(ValueError, match="features >= 1 and noise among"):
            AutoregressiveDequantizer(AffineMap, **wrong)
    with pytest.raises(ValueError, match="at least 2 pixels"):
        VariationalDequantizer().build((1, 1, 3), 4)
    assert issubclass(VariationalDequantizer, FlowDequantizer)
