"""Views: what lies around positions, and what is kept of it."""

import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.view import PixelView, RowsView, WholeView
from glf.core.random import make_seed

N, HEIGHT, WIDTH = 2, 5, 4
X = tf.constant(np.random.default_rng(0).integers(1, 9, (N, HEIGHT, WIDTH, 1)), tf.int32)
STARTS = np.array([0, 3])


def embed(x):
    return tf.cast(x, tf.float32)


def surroundings(above, left, right):
    return np.pad(X.numpy(), [(0, 0), (above, 0), (left, right), (0, 0)]).astype(np.float32)


@pytest.mark.parametrize("ones", [False, True])
@pytest.mark.parametrize(("above", "left", "right"), [(0, 0, 0), (2, 1, 1), (1, 2, 0)])
def test_data_is_zero_outside(above, left, right, ones):
    expected = surroundings(above, left, right)
    if ones:
        expected = np.concatenate([expected, expected > 0], -1)
    np.testing.assert_array_equal(WholeView(X, embed).data(above, left, right, ones), expected)
    rows = RowsView(X, embed, tf.constant(STARTS, tf.int32), 2).data(above, left, right, ones)
    for found, start, whole in zip(rows, STARTS, expected, strict=True):
        np.testing.assert_array_equal(found, whole[start : start + above + 2])
    for row, column in ((0, 0), (2, 3), (4, 1)):
        view = PixelView(X, embed, tf.constant(row), tf.constant(column))
        near = expected[:, row : row + above + 1, column : column + left + 1 + right]
        np.testing.assert_array_equal(view.data(above, left, right, ones), near)


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_delay(rows):
    """The same of all views: h of `rows` rows further up."""
    h = embed(X)
    expected = np.pad(h, [(0, 0), (rows, 0), (0, 0), (0, 0)])[:, :HEIGHT]
    np.testing.assert_array_equal(WholeView(X, embed).delayed(h, rows), expected)
    kept = None
    for start in range(HEIGHT):
        starts = tf.fill([N], start)
        view = RowsView(X, embed, starts, 1, kept, tf.ones([N], tf.int32))
        found, kept = view.delayed(h[:, start : start + 1], rows), view.kept
        np.testing.assert_array_equal(found, expected[:, start : start + 1])
        assert kept[0].shape == (N, rows + 1, WIDTH, 1)
    kept = None
    for row in range(HEIGHT):
        for column in range(WIDTH):
            for again in range(2):
                here = slice(row, row + 1), slice(column, column + 1)
                view = PixelView(X, embed, row, column, kept, row > 0 and not (column or again))
                # What is computed a second time replaces what was there.
                found, kept = view.delayed(h[:, *here] + (1 - again), rows), view.kept
                np.testing.assert_array_equal(found, expected[:, *here])
    assert kept[0].shape == (N, rows * WIDTH + 1, 1)


def test_crop():
    context = tf.random.stateless_normal([N, HEIGHT, WIDTH, 3], (1, 2))
    everywhere = context[:, :1, :1]
    rows = RowsView(X, embed, tf.constant(STARTS, tf.int32), 2)
    pixel = PixelView(X, embed, tf.constant(2), tf.constant(3))
    for view in (WholeView(X, embed), rows, pixel):
        np.testing.assert_array_equal(view.crop(everywhere), everywhere)
    np.testing.assert_array_equal(WholeView(X, embed).crop(context), context)
    np.testing.assert_array_equal(rows.crop(context)[1], context[1, 3:5])
    np.testing.assert_array_equal(pixel.crop(context)[:, 0, 0], context[:, 2, 3])


def test_dropout():
    h = tf.ones([200, 5, 4, 3])
    assert WholeView(X, embed).dropout(h, 0.5) is h
    assert WholeView(X, embed, make_seed(0)).dropout(h, 0.0) is h
    view = WholeView(X, embed, make_seed(0))
    first, second = view.dropout(h, 0.25).numpy(), view.dropout(h, 0.25).numpy()
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((first == 0).mean() - 0.25) < 0.02
    assert (first != second).any()
