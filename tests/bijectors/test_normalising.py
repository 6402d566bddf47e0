"""Bijectors that look at the batch: ActNorm's initialisation, BatchNorm's statistics."""

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import ActNorm, BatchNorm, Invert


@pytest.fixture
def y():
    rng = np.random.default_rng(0)
    return tf.constant(rng.normal(3.0, [0.1, 1.0, 20.0], size=(64, 3)), tf.float32)


def standardised(points):
    np.testing.assert_allclose(np.mean(points, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.std(points, axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize("direction", ["inverse_and_log_det", "forward_and_log_det"])
def test_first_training_call_initialises(y, jit_compile, direction):
    bijector = ActNorm()
    bijector.build((None, 3))
    method = getattr(bijector, direction)
    if jit_compile is not None:
        method = tf.function(method, jit_compile=jit_compile)
    np.testing.assert_array_equal(method(y, training=False)[0], y)
    standardised(method(y, training=True)[0])
    first = [w.numpy() for w in bijector.weights]
    method(5.0 * y + 1.0, training=True)
    for before, after in zip(first, bijector.weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_inverted_is_initialised_too(y):
    bijector = Invert(ActNorm)
    bijector.build((None, 3))
    standardised(bijector.inverse_and_log_det(y, training=True)[0])


def test_gradients_flow_already_in_the_first_call(y):
    bijector = ActNorm()
    bijector.build((None, 3))
    with tf.GradientTape() as tape:
        u, log_det = bijector.inverse_and_log_det(y, training=True)
        loss = tf.reduce_mean(0.5 * tf.reduce_sum(u**2, axis=1) - log_det)
    by_scale, by_shift = tape.gradient(loss, [w.value for w in bijector.trainable_weights])
    # At mean 0 and variance 1 the normal likelihood is stationary.
    np.testing.assert_allclose(by_scale, 0, atol=1e-3)
    np.testing.assert_allclose(by_shift, 0, atol=1e-3)


def test_constant_dimension_stays_finite():
    bijector = ActNorm()
    bijector.build((None, 2))
    u, log_det = bijector.inverse_and_log_det(tf.ones((8, 2)), training=True)
    assert np.all(np.isfinite(u))
    assert np.all(np.isfinite(log_det))


def test_restored_is_not_initialised_again(y, tmp_path):
    saved, other = ActNorm(), ActNorm()
    for bijector in (saved, other):
        bijector.build((None, 3))
    saved.inverse_and_log_det(y, training=True)
    path = tf.train.Checkpoint(b=saved).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(b=other).read(path).assert_consumed()
    other.inverse_and_log_det(5.0 * y, training=True)
    np.testing.assert_array_equal(other.log_scale, saved.log_scale)


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_images_are_normalised_per_channel_or_per_pixel(per_pixel, jit_compile):
    rng = np.random.default_rng(1)
    means, scales = rng.normal(size=(2, 3, 5, 2))
    y = tf.constant(rng.normal(means, np.exp(scales), size=(64, 3, 5, 2)), tf.float32)
    bijector = ActNorm(per_pixel)
    bijector.build((None, 3, 5, 2))
    assert bijector.log_scale.shape == ((3, 5, 2) if per_pixel else (2,))
    train = tf.function(
        lambda y: bijector.inverse_and_log_det(y, training=True),
        jit_compile=jit_compile,
        autograph=False,
    )
    u, log_det = train(y)
    standardised(u if per_pixel else np.reshape(u, (-1, 2)))
    total = np.sum(bijector.log_scale) * (1 if per_pixel else 15)
    np.testing.assert_allclose(log_det, np.full(64, total), rtol=1e-5)
    first = [w.numpy() for w in bijector.weights]
    train(3.0 * y + 1.0)
    for before, after in zip(first, bijector.weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_only_the_first_training_call_looks_at_the_batch(y):
    bijector = ActNorm()
    bijector.build((None, 3))
    graph = tf.function(bijector.inverse_and_log_det, autograph=False).get_concrete_function(
        tf.TensorSpec((None, 3)), training=True
    )
    kinds = [node.op for node in graph.graph.as_graph_def().node]
    # The statistics stand in a branch; what is outside only sums the log-scales.
    assert "If" in kinds
    assert "Mean" not in kinds
    branches = [f.node_def for f in graph.graph.as_graph_def().library.function]
    assert sorted(any(node.op == "Mean" for node in nodes) for nodes in branches) == [False, True]


@pytest.mark.parametrize(
    ("event", "condition", "message"),
    [
        ((4, 4), None, "flatten them first"),
        ((4,), (2, 2), "conditions of shape"),
        ((4, 4, 1), (2,), "Parts of images take conditions"),
    ],
)
def test_act_norm_refuses_other_shapes(event, condition, message):
    with pytest.raises(ValueError, match=message):
        ActNorm().build((None, *event), condition and (None, *condition))


def test_batch_norm_standardises_by_the_batch_in_training(y):
    bijector = BatchNorm()
    bijector.build((None, 3))
    u, log_det = bijector.inverse_and_log_det(y, training=True)
    standardised(u)
    expected = -0.5 * np.sum(np.log(np.var(y, axis=0) + 1e-5))
    np.testing.assert_allclose(log_det, np.full(64, expected), rtol=1e-4)


def test_batch_norm_moves_its_averages_and_then_uses_them(y):
    bijector = BatchNorm(momentum=0.9)
    bijector.build((None, 3))
    step = tf.function(lambda y: bijector.inverse_and_log_det(y, training=True), jit_compile=True)
    step(y)
    np.testing.assert_allclose(bijector.moving_mean, 0.1 * np.mean(y, axis=0), rtol=1e-4)
    np.testing.assert_allclose(bijector.moving_variance, 0.9 + 0.1 * np.var(y, axis=0), rtol=1e-4)
    for _ in range(200):
        step(y)
    standardised(bijector.inverse_and_log_det(y)[0])
    before = [w.numpy() for w in bijector.weights]
    bijector.forward_and_log_det(y, training=True)
    bijector.inverse_and_log_det(y)
    for old, new in zip(before, bijector.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_batch_norm_gradients_flow_through_the_statistics(y):
    bijector = BatchNorm()
    bijector.build((None, 3))
    with tf.GradientTape() as tape:
        tape.watch(y)
        u, _ = bijector.inverse_and_log_det(y, training=True)
        loss = tf.reduce_sum(u)
    # The mean of u is 0 whatever y is, so nothing is gained by moving y.
    np.testing.assert_allclose(tape.gradient(loss, y), 0, atol=1e-3)


@pytest.mark.parametrize("arguments", [{"momentum": 1.0}, {"epsilon": 0.0}])
def test_batch_norm_refuses_bad_arguments(arguments):
    with pytest.raises(ValueError, match="momentum < 1 and epsilon > 0"):
        BatchNorm(**arguments)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("direction", ["forward_and_log_det", "inverse_and_log_det"])
@pytest.mark.parametrize("case", ["vectors", "per_pixel"])
def test_one_example_has_no_variance(case, direction, jit_compile):
    """It would make every scale a thousand; once initialised, a batch of one is as good as any."""
    layer, event = (ActNorm(), (3,)) if case == "vectors" else (ActNorm(per_pixel=True), (2, 2, 3))
    layer.build((None, *event))

    def call(y):
        return getattr(layer, direction)(y, training=True)[0]

    y = tf.random.stateless_normal([7, *event], (0, 1))
    compiled = tf.function(call, autograph=False, jit_compile=jit_compile)
    with pytest.raises(ValueError, match=r"ActNorm takes .* one example, .*train\.init_examples"):
        compiled(y[:1])
    compiled(y)
    assert np.all(np.isfinite(compiled(y[:1])))


def test_one_image_has_the_variance_of_its_pixels():
    layer = ActNorm()
    layer.build((None, 4, 4, 2))
    u, _ = layer.inverse_and_log_det(tf.random.stateless_normal([1, 4, 4, 2], (0, 1)), None, True)
    np.testing.assert_allclose(np.var(u, axis=(0, 1, 2)), 1, rtol=1e-3)


def test_batch_norm_refuses_one_example(y):
    layer = BatchNorm()
    layer.build((None, y.shape[1]))
    with pytest.raises(ValueError, match=r"BatchNorm takes .* Take a larger batch, or ActNorm"):
        layer.inverse_and_log_det(y[:1], training=True)
    layer.inverse_and_log_det(y[:1])
