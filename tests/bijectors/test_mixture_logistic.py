import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.mixture_logistic import MixtureLogisticMap

K, NUM = 4, 1200
MAP = MixtureLogisticMap(K)
forward = tf.function(MAP.apply, autograph=False)
inverse = tf.function(MAP.undo, autograph=False)

# Spreads of the means and of the log-scales, and their middle.
PARAMETERS = {
    "zero": (0.0, 0.0, 0.0),
    "moderate": (1.0, 0.5, 0.0),
    "far": (5.0, 2.0, 0.0),
    "very far": (50.0, 4.0, 0.0),
    "narrow": (5.0, 0.0, -9.0),
    "narrow and far": (50.0, 1.0, -7.0),
    "wide": (50.0, 3.0, 6.0),
}


def points(parameters, dtype):
    """Raw parameters, and values up to 30 on either side."""
    spread, scales, scale = PARAMETERS[parameters]
    rng = np.random.default_rng(0)
    other = 2.0 if spread else 0.0
    raw = [other * rng.normal(size=(NUM, K)), spread * rng.normal(size=(NUM, K))]
    raw += [scale + scales * rng.normal(size=(NUM, K)), other * rng.normal(size=(NUM, 2))]
    values = np.concatenate([rng.uniform(-30, 30, NUM // 2), rng.normal(size=NUM // 2)])
    return tf.constant(values, dtype), tf.constant(np.concatenate(raw, -1), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_residual_of_the_inverse(parameters, dtype):
    y, raw = points(parameters, dtype)
    x, log_derivative = inverse(y, raw)
    # Judged in double precision, so that forward's own rounding does not hide an error.
    exact, exact_log_derivative = forward(tf.cast(x, tf.float64), tf.cast(raw, tf.float64))
    means = np.max(np.abs(raw[:, K : 2 * K]), axis=1) + 1
    condition = np.exp(exact_log_derivative) * np.maximum(np.abs(x), means)
    attainable = np.finfo(dtype).eps * (1 + np.abs(y) + condition)
    assert np.max(np.abs(exact - tf.cast(y, tf.float64)) / attainable) < 16
    own = np.max(np.abs(forward(x, raw)[0] - y))
    np.testing.assert_allclose(MAP.largest_residual(y, raw), own, rtol=0.5, atol=1e-5)
    np.testing.assert_array_equal(log_derivative, -forward(x, raw)[1])


def test_largest_residual_tells_a_bad_root(monkeypatch):
    y, raw = points("moderate", np.float64)
    monkeypatch.setattr("glf.bijectors.mixture_logistic.NEWTON_STEPS", 1)
    monkeypatch.setattr("glf.bijectors.mixture_logistic.BISECTIONS", {tf.float64: 1})
    assert 1e-3 < MAP.largest_residual(y, raw) < 10


def test_bisection_alone_finds_the_root(monkeypatch):
    y, raw = points("far", np.float64)
    monkeypatch.setattr("glf.bijectors.mixture_logistic.NEWTON_STEPS", 0)
    assert MAP.largest_residual(y, raw) < 1e-9


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_gradients_are_finite_in_float32(parameters):
    point, raw = points(parameters, np.float32)

    @tf.function(autograph=False)
    def gradients(point, raw):
        with tf.GradientTape() as tape:
            tape.watch([point, raw])
            total = sum(map(tf.reduce_sum, (*MAP.apply(point, raw), *MAP.undo(point, raw))))
        return tape.gradient(total, [point, raw])

    assert all(np.all(np.isfinite(gradient)) for gradient in gradients(point, raw))


def test_gradients_are_finite_on_a_plateau():
    elementwise = MixtureLogisticMap(2)
    # Far between two narrow components, where the slope rounds to 0.
    raw = tf.constant([[0.0, 0.0, -500.0, 500.0, 0.0, 0.0, 0.0, 0.0]])
    y = tf.constant([0.0])
    with tf.GradientTape() as tape:
        tape.watch([y, raw])
        x, log_derivative = elementwise.undo(y, raw)
        total = tf.reduce_sum(x) + tf.reduce_sum(log_derivative)
    assert log_derivative > 100
    assert abs(x) < 500
    assert all(np.all(np.isfinite(gradient)) for gradient in tape.gradient(total, [y, raw]))
    assert elementwise.largest_residual(y, raw) < 1e-5


def test_derivatives_against_autodiff():
    x, raw = points("far", np.float64)
    for function in (MAP.apply, MAP.undo):
        with tf.GradientTape() as tape:
            tape.watch(x)
            image, log_derivative = function(x, raw)
        slope = tape.gradient(image, x)
        np.testing.assert_allclose(log_derivative, np.log(slope), rtol=1e-9, atol=1e-9)


def test_against_the_textbook_formula():
    x, raw = points("moderate", np.float64)
    x = tf.clip_by_value(x, -10.0, 10.0)
    weights, means, scales, log_scale, shift = np.split(raw.numpy(), np.cumsum(MAP.groups)[:-1], 1)
    weights = np.exp(weights) / np.sum(np.exp(weights), axis=1, keepdims=True)
    means = means + np.array([-0.75, -0.25, 0.25, 0.75])
    cdf = np.sum(weights / (1 + np.exp(-(x[:, None] - means) / np.exp(scales))), axis=1)
    expected = np.exp(np.tanh(log_scale[:, 0])) * np.log(cdf / (1 - cdf)) + shift[:, 0]
    np.testing.assert_allclose(forward(x, raw)[0], expected, rtol=1e-9, atol=1e-6)


def test_near_the_identity_at_zero():
    x = tf.linspace(tf.constant(-60.0, tf.float64), 60.0, 401)
    for components in (1, 2, 8, 32):
        elementwise = MixtureLogisticMap(components)
        raw = tf.zeros((401, sum(elementwise.groups)), tf.float64)
        bound = 1e-12 if components == 1 else 0.17
        for function in (elementwise.apply, elementwise.undo):
            assert np.max(np.abs(function(x, raw)[0] - x)) < bound


def test_components_that_start_alike_come_apart():
    x = tf.constant(np.random.default_rng(0).normal(size=100))
    raw = tf.zeros((100, sum(MAP.groups)), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        loss = tf.reduce_sum(MAP.apply(x, raw)[1])
    gradient = tf.reduce_sum(tape.gradient(loss, raw), axis=0)[: 3 * K]
    for group in np.split(gradient.numpy(), 3):
        assert np.ptp(group) > 0.1


def test_an_element_does_not_depend_on_the_others():
    y, raw = points("far", np.float32)
    np.testing.assert_allclose(inverse(y[:7], raw[:7])[0], inverse(y, raw)[0][:7], rtol=1e-6)


def test_xla():
    y, raw = points("far", np.float64)
    compiled = tf.function(MAP.undo, autograph=False, jit_compile=True)
    np.testing.assert_allclose(compiled(y, raw)[0], inverse(y, raw)[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "arguments", [{"components": 0}, {"min_log_scale": 0.0}, {"clamp": 0.0}], ids=str
)
def test_refuses_bad_arguments(arguments):
    with pytest.raises(ValueError, match="components >= 1, min_log_scale < 0 and clamp > 0"):
        MixtureLogisticMap(**arguments)
