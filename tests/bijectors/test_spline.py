import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import SplineCoupling, SplineMap

BOUND = 3.0


@pytest.fixture(scope="module")
def spline():
    return SplineMap(num_bins=5, bound=BOUND)


def raw(spline, shape, scale=1.5, dtype=np.float64):
    size = sum(spline.groups)
    return tf.constant(scale * np.random.default_rng(0).normal(size=(*shape, size)), dtype)


def test_zero_parameters_are_the_identity(spline):
    x = tf.linspace(tf.constant(-5.0, tf.float64), 5.0, 101)
    for method in (spline.apply, spline.undo):
        image, log_derivative = method(x, tf.zeros((101, 14), tf.float64))
        np.testing.assert_allclose(image, x, atol=1e-12)
        np.testing.assert_allclose(log_derivative, 0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tails_and_boundaries(spline, dtype):
    below, above = np.nextafter(dtype(BOUND), dtype(0)), np.nextafter(dtype(BOUND), dtype(9))
    x = tf.constant([-1e6, -above, -BOUND, -below, below, BOUND, above, 1e6], dtype)
    parameters = raw(spline, (8,), dtype=dtype)
    for method in (spline.apply, spline.undo):
        with tf.GradientTape() as tape:
            tape.watch([x, parameters])
            image, log_derivative = method(x, parameters)
            loss = tf.reduce_sum(image) + tf.reduce_sum(log_derivative)
        np.testing.assert_allclose(image, x, rtol=1e-5)
        # The slopes at the edges are 1 from both sides.
        np.testing.assert_allclose(log_derivative, 0, atol=2e-2 if dtype == np.float32 else 1e-9)
        assert all(np.all(np.isfinite(g)) for g in tape.gradient(loss, [x, parameters]))


def test_round_trip_in_float32_with_extreme_parameters(spline):
    # Slopes from about 1e-3 to 1e3: one way or the other loses at most a factor of the slope.
    parameters = raw(spline, (2000,), scale=4.0, dtype=np.float32)
    x = tf.constant(np.random.default_rng(1).uniform(-4, 4, 2000), tf.float32)
    y, log_derivative = spline.apply(x, parameters)
    back, inverse_log_derivative = spline.undo(tf.identity(y), parameters)
    error = np.abs(back - x) * np.minimum(1, np.exp(log_derivative))
    assert error.max() < 2e-5
    assert np.all(np.isfinite(inverse_log_derivative))


def test_increasing_and_through_the_knots(spline):
    parameters = raw(spline, (1,))
    x = tf.linspace(tf.constant(-4.0, tf.float64), 4.0, 4001)
    y, _ = spline.apply(x, tf.repeat(parameters, 4001, axis=0))
    assert np.all(np.diff(y) > 0)
    x_knots, y_knots, slopes = (part[0] for part in spline._knots(parameters))
    image, log_derivative = spline.apply(x_knots, tf.repeat(parameters, 6, axis=0))
    np.testing.assert_allclose(image, y_knots, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_derivative), slopes, rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_bins": 1}, "num_bins >= 2"),
        ({"bound": 0.0}, "bound > 0"),
        ({"num_bins": 10, "min_bin": 0.1}, "min_bin < 1 / num_bins"),
        ({"min_slope": 1.0}, "min_slope < 1"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SplineMap(**arguments)


def test_coupling_uses_its_arguments():
    coupling = SplineCoupling(num_bins=3, bound=2.0)
    assert coupling.elementwise.groups == (3, 3, 2)
    assert coupling.elementwise.bound == 2.0
