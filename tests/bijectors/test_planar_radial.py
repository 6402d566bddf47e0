import numpy as np
import pytest
import tensorflow as tf
from bijector_battery import randomise

from glf.bijectors import Planar, Radial


def built(cls, dtype, scale=None, size=4):
    bijector = cls(dtype=dtype)
    bijector.build((None, size))
    if scale is not None:
        rng = np.random.default_rng(0)
        for weight in bijector.weights:
            weight.assign(scale * rng.normal(size=weight.shape))
    return bijector


def points(dtype, num=200, scale=3.0):
    return tf.constant(scale * np.random.default_rng(1).normal(size=(num, 4)), dtype)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-12)])
@pytest.mark.parametrize("cls", [Planar, Radial])
def test_image_of_the_inverse_to_the_precision_of_the_dtype(cls, dtype, tolerance, scale):
    bijector = built(cls, dtype, scale)
    y = points(dtype)
    u, _ = bijector.inverse_and_log_det(y)
    back, _ = bijector.forward_and_log_det(tf.identity(u))
    np.testing.assert_allclose(back, y, atol=tolerance)


@pytest.mark.parametrize("size", [1e10, 1e25, 1e37])
@pytest.mark.parametrize("cls", [Planar, Radial])
def test_far_points_stay_finite(cls, size):
    """Where a square overflows: the map is a shift there, and no NaN."""
    bijector = built(cls, "float32", 1.0)
    point = tf.constant(size * np.array([[1.0, -0.5, 0.0, 0.2], [0.0, 0.0, 0.0, -1.0]]), "float32")
    for method in (bijector.forward_and_log_det, bijector.inverse_and_log_det):
        with tf.GradientTape() as tape:
            tape.watch(point)
            image, log_det = method(point)
        np.testing.assert_allclose(image, point, rtol=1e-6, atol=5)
        np.testing.assert_allclose(log_det, [0, 0], atol=1e-4)
        assert np.all(np.isfinite(tape.gradient(image, point)))


def test_planar_is_invertible_at_the_limit():
    # Strongly opposed vectors: w·v̂ next to -1, where a careless log-determinant is log of 0.
    bijector = built(Planar, "float32")
    w, v, b = bijector.parameters.vectors
    w.assign([2.0, 0.0, 0.0, 0.0])
    v.assign([-20.0, 0.0, 0.0, 0.0])
    b.assign([0.0])
    u = tf.concat([tf.zeros((1, 4)), points("float32")], axis=0)
    for method in (bijector.forward_and_log_det, bijector.inverse_and_log_det):
        with tf.GradientTape() as tape:
            image, log_det = method(u)
            loss = tf.reduce_sum(image) + tf.reduce_sum(log_det)
        assert np.all(np.isfinite(image))
        assert np.all(np.isfinite(log_det))
        gradients = tape.gradient(loss, [p.value for p in (w, v, b)])
        assert all(np.all(np.isfinite(g)) for g in gradients)


def test_planar_without_strength_is_the_identity():
    bijector = built(Planar, "float64")
    bijector.parameters.vectors[1].assign(np.zeros(4))
    u = points("float64")
    y, log_det = bijector.forward_and_log_det(u)
    np.testing.assert_allclose(y, u, atol=1e-12)
    np.testing.assert_allclose(log_det, 0, atol=1e-12)
    bijector.parameters.vectors[0].assign(np.zeros(4))
    assert np.all(np.isfinite(bijector.inverse_and_log_det(u)[0]))


def test_radial_at_its_center_and_as_the_identity():
    bijector = built(Radial, "float64", 1.0)
    center, a, b = bijector.parameters.vectors
    point = tf.identity(center.value)[None]
    for method in (bijector.forward_and_log_det, bijector.inverse_and_log_det):
        with tf.GradientTape() as tape:
            tape.watch(point)
            image, log_det = method(point)
            loss = tf.reduce_sum(image) + tf.reduce_sum(log_det)
        np.testing.assert_allclose(image, point, atol=1e-12)
        assert np.all(np.isfinite(tape.gradient(loss, point)))
    b.assign(a)
    y, log_det = bijector.forward_and_log_det(points("float64"))
    np.testing.assert_allclose(y, points("float64"), atol=1e-12)
    np.testing.assert_allclose(log_det, 0, atol=1e-12)


@pytest.mark.parametrize("cls", [Planar, Radial])
def test_condition_starts_without_effect_and_then_shifts_the_parameters(cls):
    bijector = cls(dtype="float64")
    bijector.build((None, 4), (None, 2))
    y = points("float64", 5)
    conditions = [tf.zeros((5, 2)), tf.ones((5, 2))]
    before = [bijector.inverse_and_log_det(y, c)[0] for c in conditions]
    np.testing.assert_array_equal(*before)
    randomise(bijector, np.random.default_rng(0))
    after = [bijector.inverse_and_log_det(y, c)[0] for c in conditions]
    assert np.any(after[0] != after[1])
