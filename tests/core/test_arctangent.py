"""The arctangent of XLA's programs for a CPU against the true one."""

import numpy as np
import tensorflow as tf

from glf.core import arctangent
from glf.core.arctangent import atan
from glf.core.fused import for_xla_on_cpu


def by_xla(x):
    def values_and_gradient(x):
        with tf.GradientTape() as tape, for_xla_on_cpu():
            tape.watch(x)
            y = atan(x)
        return y, tape.gradient(y, x)

    return tf.function(values_and_gradient, jit_compile=True, autograph=False)


def test_within_five_units_in_the_last_place():
    x = np.concatenate([np.linspace(0, 20, 200_001), np.logspace(-30, 38, 20_001)])
    x = np.concatenate([x, -x]).astype(np.float32).reshape(2, -1)
    x = tf.constant(x)
    found, gradient = by_xla(x)(x)
    exact = np.arctan(x.numpy().astype(np.float64))
    units = np.spacing(np.abs(exact).astype(np.float32))
    assert np.max(np.abs(found - exact) / units) <= 5
    slope = 1 / (1 + x.numpy().astype(np.float64) ** 2)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-37)


def test_second_derivatives():
    x = tf.linspace(-3.0, 3.0, 12)

    @tf.function(jit_compile=True, autograph=False)
    def second(x):
        with for_xla_on_cpu(), tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = atan(x)
            slope = inner.gradient(y, x)
        return outer.gradient(slope, x)

    np.testing.assert_allclose(second(x), -2 * x / (1 + x**2) ** 2, rtol=1e-5, atol=1e-7)


def test_polynomials_are_those_of_the_arctangent():
    y = np.linspace(0, 1, 10_001)[1:]
    numerator, denominator = (
        np.polyval(c, y**2) for c in (arctangent._NUMERATOR, arctangent._DENOMINATOR)
    )
    assert np.max(np.abs(y * numerator / denominator / np.arctan(y) - 1)) < 2.3e-8


def test_values_at_the_ends():
    x = tf.constant([np.inf, -np.inf, np.nan, 0.0])
    np.testing.assert_allclose(by_xla(x)(x)[0], [np.pi / 2, -np.pi / 2, np.nan, 0.0], rtol=1e-6)


def test_what_is_for_other_programs_or_in_float64_is_tensorflows():
    x = tf.linspace(-3.0, 3.0, 101)
    assert np.array_equal(atan(x), tf.atan(x))
    wide = tf.cast(x, tf.float64)
    with for_xla_on_cpu():
        assert np.array_equal(atan(wide), tf.atan(wide))


def test_no_number_is_computed_by_itself():
    """What the module is for: no call of the C library's function in the program."""
    x = tf.ones((8, 4, 2))[..., 0]
    program = by_xla(x).experimental_get_compiler_ir(x)(stage="optimized_hlo")
    assert "atan2(" not in program
    plain = tf.function(lambda x: tf.atan(x), jit_compile=True, autograph=False)
    assert "atan2(" in plain.experimental_get_compiler_ir(x)(stage="optimized_hlo")
