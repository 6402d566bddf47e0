"""Requests for samples: numbers, temperatures and conditions, checked."""

import math
import types
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.data import DataSpec
from glf.models.requests import (
    check_conditions,
    check_images,
    check_latents,
    check_points,
    check_request,
    conditions_for,
)

LABELS = types.SimpleNamespace(kind="label", condition_shape=(), condition_levels=3)
IMAGES = types.SimpleNamespace(kind="image", condition_shape=(2, 2, 1), condition_levels=5)
PAIRED = types.SimpleNamespace(kind="paired", condition_shape=(2, 2, 1), condition_levels=5)


def test_numbers_and_temperatures():
    for num, temperature in ((1, 0.0), (np.int64(1000), 2), (tf.constant(7), np.float64(0.5))):
        found = check_request(num, temperature)
        assert [tensor.dtype for tensor in found] == [tf.int32, tf.float32]
        assert (int(found[0]), float(found[1])) == (int(num), float(temperature))


@pytest.mark.parametrize("wrap", [lambda value: value, tf.constant], ids=["number", "tensor"])
@pytest.mark.parametrize(
    ("num", "temperature", "message"),
    [
        (0, 1.0, "must be at least 1, got 0"),
        (-3, 1.0, "must be at least 1, got -3"),
        (2.5, 1.0, "is a whole number of at least 1, got"),
        ((2, 3), 1.0, "is a whole number of at least 1, got"),
        (True, 1.0, "is a whole number of at least 1, got"),
        (1, -0.5, r"must be finite and at least 0, got -0\.5"),
        (1, math.nan, "must be finite and at least 0, got nan"),
        (1, math.inf, "must be finite and at least 0, got inf"),
        (1, "hot", "is a number of at least 0, got"),
        (1, (0.5, 1.0), "is a number of at least 0, got"),
    ],
)
def test_wrong_numbers_and_temperatures(num, temperature, message, wrap):
    with pytest.raises(ValueError, match=message):
        check_request(wrap(num), wrap(temperature))


def test_temperatures_that_float32_does_not_hold():
    with pytest.raises(ValueError, match=r"must be finite and at least 0, got 1e\+39"):
        check_request(1, 1e39)


def test_more_samples_than_an_int32_counts():
    with pytest.raises(ValueError, match=r"less than 2\^31, got 4294967297"):
        check_request(2**32 + 1, 1.0)


def test_numbers_known_only_when_a_graph_runs():
    @tf.function(autograph=False)
    def ask(num, temperature):
        num, temperature = check_request(num, temperature)
        return tf.cast(num, tf.float32) * temperature

    assert float(ask(tf.constant(3), tf.constant(0.5))) == 1.5
    for num, temperature in ((0, 1.0), (1, -1.0), (1, math.nan), (1, math.inf)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be .*at least"):
            ask(tf.constant(num), tf.constant(temperature))


def test_labels_in_turn():
    np.testing.assert_array_equal(conditions_for(LABELS, 5), [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(conditions_for(LABELS, tf.constant(4)), [0, 1, 2, 0])


@pytest.mark.parametrize("as_given", [list, np.array, tf.constant, lambda c: np.array(c, "uint8")])
def test_conditions_become_int32(as_given):
    found = conditions_for(LABELS, 3, as_given([2, 0, 1]))
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, [2, 0, 1])
    images = np.arange(12).reshape(3, 2, 2, 1) % 5
    for encoder in (IMAGES, PAIRED):
        found = conditions_for(encoder, 3, as_given(images.tolist()))
        assert found.dtype == tf.int32
        np.testing.assert_array_equal(found, images)


def test_models_without_conditions():
    assert conditions_for(None, 3) is None
    check_conditions(None, None)
    for refuse in (lambda c: conditions_for(None, 3, c), lambda c: check_conditions(None, c)):
        with pytest.raises(ValueError, match="takes no condition"):
            refuse([1, 2, 3])


@pytest.mark.parametrize("wrap", [list, tf.constant])
@pytest.mark.parametrize(
    "condition", [[0, 1], [0, 1, 2, 0], [0, 1, 3], [-1, 1, 2], [0.0, 1.0, 2.0], [[0], [1], [2]]]
)
def test_wrong_labels(condition, wrap):
    message = "Labels are integers from 0 to 2, one for each of 3 samples; got (int|float)"
    with pytest.raises(ValueError, match=message):
        conditions_for(LABELS, 3, wrap(condition))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (np.zeros((2, 2, 2, 1), int), "int64 of shape [2, 2, 2, 1] with values from 0 to 0."),
        (np.zeros((3, 4, 4, 1), int), "int64 of shape [3, 4, 4, 1] with values from 0 to 0."),
        (np.zeros((3, 2, 2, 1)), "float64 of shape [3, 2, 2, 1] with values from 0.0 to 0.0."),
        (np.full((3, 2, 2, 1), 5, "uint8"), "uint8 of shape [3, 2, 2, 1] with values from 5 to 5."),
        (np.full((3, 2, 2, 1), -1), "int64 of shape [3, 2, 2, 1] with values from -1 to -1."),
        (np.zeros((0, 2, 2, 1), int), "int64 of shape [0, 2, 2, 1]."),
    ],
)
@pytest.mark.parametrize("encoder", [IMAGES, PAIRED], ids=lambda e: e.kind)
def test_wrong_images(encoder, condition, message):
    with pytest.raises(ValueError, match="Conditions are") as caught:
        conditions_for(encoder, 3, condition)
    expected = "images of shape (2, 2, 1), integers from 0 to 4, one for each of 3 samples"
    assert str(caught.value) == f"Conditions are {expected}; got {message}"


@pytest.mark.parametrize("encoder", [IMAGES, PAIRED], ids=lambda e: e.kind)
def test_missing_images(encoder):
    with pytest.raises(ValueError, match=r"needs conditions: images of shape \(2, 2, 1\)"):
        conditions_for(encoder, 3)


def test_missing_labels_where_there_is_no_turn():
    with pytest.raises(ValueError, match="needs conditions: integers from 0 to 2"):
        check_conditions(LABELS, None)


def test_a_free_number():
    check_conditions(LABELS, [0, 1, 2, 1])
    check_conditions(LABELS, np.zeros(0, int))
    with pytest.raises(ValueError, match=r"got object of shape \[1\]"):
        check_conditions(LABELS, [2**70])
    with pytest.raises(ValueError, match="values from 4294967296 to 4294967296"):
        check_conditions(LABELS, np.array([2**32]))
    with pytest.raises(ValueError, match="one for each of the samples; got int64"):
        check_conditions(LABELS, [3])


def test_symbolic_conditions_are_handed_on():
    @tf.function(autograph=False)
    def inside(num, condition):
        return conditions_for(LABELS, num, condition)

    found = inside(tf.constant(2), tf.constant([2, 1], tf.int64))
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, [2, 1])

    for labels in ([2, 3], [-1, 0], [0, 2**32], [0], [0, 1, 2]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="one for each of the samples"):
            inside(tf.constant(2), tf.constant(labels, tf.int64))

    wrong = tf.function(lambda c: conditions_for(IMAGES, 2, c), autograph=False)
    with pytest.raises(ValueError, match=r"got int32 of shape \[2, 3, 3, 1\]\."):
        wrong(tf.zeros([2, 3, 3, 1], tf.int32))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((3, 2, 3, 1), np.uint8),
            "; got a batch of shape .3, 2, 3, 1.*",
        ),
        (np.zeros((2, 2, 1), np.uint8), "got a batch of shape"),
        (np.zeros((3, 2, 2, 1), np.float32), "integers from 0 to 4; got .* float32"),
        (np.full((3, 2, 2, 1), 5, np.uint8), "from 0 to 4; got values from 5 to 5"),
        (np.full((3, 2, 2, 1), -1), "got values from -1 to -1"),
    ],
)
def test_images_of_another_kind(x, message):
    with pytest.raises(ValueError, match=message):
        check_images(DataSpec((2, 2, 1), 5, None), tf.constant(x))


def test_right_images():
    spec = DataSpec((2, 2, 1), 5, 3)
    images = np.arange(12).reshape(3, 2, 2, 1) % 5
    for given in (images, tf.constant(images), images.astype(np.uint8), images.tolist()):
        found = check_images(spec, given)
        assert found.dtype == tf.uint8
        np.testing.assert_array_equal(found, images)
    check_images(spec, tf.zeros((0, 2, 2, 1), tf.uint8))


@pytest.mark.parametrize("levels", [5, 256])
def test_images_known_only_when_a_graph_runs(levels):
    """With 256 levels a byte cannot be wrong, and there is nothing to assert."""
    spec = DataSpec((2, 2, 1), levels, None)
    for dtype in (tf.uint8, tf.int64):
        taken = tf.TensorSpec([None, None, None, None], dtype)
        check = tf.function(lambda x: check_images(spec, x), autograph=False)
        check = check.get_concrete_function(taken)
        asserts = {"Assert", "If"} & {op.type for op in check.graph.get_operations()}
        assert bool(asserts) == ((levels, dtype) != (256, tf.uint8))
        np.testing.assert_array_equal(check(tf.ones([1, 2, 2, 1], dtype)), np.ones((1, 2, 2, 1)))
        if asserts:
            with pytest.raises(
                tf.errors.InvalidArgumentError, match=f"from 0 to {levels - 1}; got"
            ):
                check(tf.cast(tf.fill([1, 2, 2, 1], 256 if levels == 256 else 7), dtype))
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected shape"):
            check(tf.ones([1, 3, 2, 1], dtype))


def test_points_and_latents():
    points = DataSpec((2,), None, None)
    assert check_points(points, np.zeros((3, 2))).dtype == tf.float32
    codes, latents = tf.TensorSpec([None, 2], tf.int32), tf.TensorSpec([None, 2], tf.float32)
    assert check_latents(codes, np.ones((3, 2), np.int64), 2).dtype == tf.int32
    assert check_latents(latents, np.ones((3, 2))).dtype == tf.float32
    for check in (partial(check_points, points), partial(check_latents, latents)):
        for wrong in (np.zeros((3, 3)), np.zeros((3, 2), int), np.array([[0, np.nan]])):
            with pytest.raises(ValueError, match=r"takes .* \[batch, 2\] of finite real numbers;"):
                check(wrong)
    for wrong in (np.zeros((3, 2)), np.zeros((3, 3), int), np.full((3, 2), 2), np.full((3, 2), -1)):
        with pytest.raises(ValueError, match="integers from 0 to 1; got"):
            check_latents(codes, wrong, 2)
