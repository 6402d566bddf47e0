"""Contexts fitted to images of other sizes."""

import numpy as np
import pytest
import tensorflow as tf

from glf.layers.context import context_features, fit_context, with_context


def context(height, width, features=3):
    return np.random.default_rng(0).normal(size=(2, height, width, features)).astype(np.float32)


def test_one_position_is_everywhere():
    given = context(1, 1)
    np.testing.assert_array_equal(fit_context(given, 3, 5), np.tile(given, (1, 3, 5, 1)))


def test_sides_are_fitted_each_for_itself():
    row = context(1, 5)
    np.testing.assert_array_equal(fit_context(row, 3, 5), np.tile(row, (1, 3, 1, 1)))
    column = context(6, 1)
    expected = np.tile(column.reshape(2, 3, 2, 1, 3).mean(2), (1, 1, 5, 1))
    np.testing.assert_allclose(fit_context(column, 3, 5), expected, rtol=1e-5, atol=1e-6)


def test_the_same_size_is_left_alone():
    given = tf.constant(context(3, 5))
    assert fit_context(given, 3, 5) is given


@pytest.mark.parametrize(("height", "width"), [(2, 3), (1, 3), (4, 1), (1, 1)])
def test_more_positions_are_averaged_over_blocks(height, width):
    given = context(4, 6)
    blocks = given.reshape(2, height, 4 // height, width, 6 // width, 3)
    found = fit_context(given, height, width)
    np.testing.assert_allclose(found, blocks.mean((2, 4)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_a_batch_of_any_size_in_graphs(jit):
    # XLA wants the batch's size when it compiles, not when it traces.
    signature = [tf.TensorSpec([None, 4, 1, 3], tf.float32)]
    fit = tf.function(lambda c: fit_context(c, 2, 2), signature, jit_compile=jit, autograph=False)
    assert fit.get_concrete_function().output_shapes == (None, 2, 2, 3)
    given = context(4, 1)
    np.testing.assert_allclose(fit(given), fit_context(given, 2, 2), rtol=1e-5, atol=1e-6)


def test_concatenation():
    h = np.ones((2, 2, 3, 4))
    assert with_context(h, None) is h
    given = context(4, 6)
    found = with_context(tf.constant(h), given)
    assert found.dtype == tf.float64
    np.testing.assert_array_equal(found[..., :4], h)
    np.testing.assert_allclose(found[..., 4:], fit_context(given, 2, 3), rtol=1e-5, atol=1e-6)


def test_numbers_of_features():
    assert context_features(None) == 0
    assert context_features((None, 1, 1, 7)) == 7
    assert context_features([None, 4, 2, 3]) == 3


@pytest.mark.parametrize(
    "shape", [(None, 3), (None, 4, 4), (None, None, 4, 3), (None, 4, 4, None), (None, 1, 1, 0)]
)
def test_shapes_that_are_none(shape):
    with pytest.raises(ValueError, match=r"becomes one by reshaping to \[batch, 1, 1, c\]"):
        context_features(shape)


@pytest.mark.parametrize(("height", "width"), [(3, 6), (4, 4), (8, 6), (4, 12)])
def test_sizes_that_do_not_fit(height, width):
    message = f"4 x 6 does not fit {height} x {width} positions: .* 1 or a multiple"
    with pytest.raises(ValueError, match=message):
        fit_context(context(4, 6), height, width)
