"""Requests for samples: numbers, temperatures and conditions, checked."""

import types

import numpy as np
import pytest
import tensorflow as tf

from glf.data import DataSpec
from glf.models.requests import check_conditions, check_images, check_request, conditions_for

LABELS = types.SimpleNamespace(kind="label", condition_shape=(), condition_levels=3)
IMAGES = types.SimpleNamespace(kind="image", condition_shape=(2, 2, 1), condition_levels=5)
PAIRED = types.SimpleNamespace(kind="paired", condition_shape=(2, 2, 1), condition_levels=5)


def test_numbers_and_temperatures():
    check_request(1, 0.0)
    check_request(1000, 2)
    check_request(tf.constant(0), tf.constant(-1.0))  # known only when it runs
    for num in (0, -3):
        with pytest.raises(ValueError, match=f"must be at least 1, got {num}"):
            check_request(num, 1.0)
    for temperature in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=f"must be at least 0, got {temperature}"):
            check_request(1, temperature)


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
    with pytest.raises(ValueError, match="one for each of the samples; got int64"):
        check_conditions(LABELS, [3])


def test_symbolic_conditions_are_handed_on():
    @tf.function(autograph=False)
    def inside(num, condition):
        return conditions_for(LABELS, num, condition)

    found = inside(tf.constant(2), tf.constant([2, 1], tf.int64))
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, [2, 1])

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
    check_images(spec, tf.constant(np.arange(12).reshape(3, 2, 2, 1) % 5), LABELS, [0, 1, 2])
    check_images(spec, tf.zeros((0, 2, 2, 1), tf.uint8))
    with pytest.raises(ValueError, match="one for each of 3 samples"):
        check_images(spec, tf.zeros((3, 2, 2, 1), tf.uint8), LABELS, [0, 1])
