"""Interpolations along straight lines in base space."""

import numpy as np
import pytest
import tensorflow as tf

from glf.evaluation.interpolation import interpolations


@pytest.fixture(scope="module")
def rows(glf, digits):
    return interpolations(glf, digits, rows=3, steps=5, seed=7).reshape(3, 7, 8, 8, 1)


def test_the_outer_images_are_distinct_test_images(rows, digits):
    assert rows.dtype == np.uint8
    test = {x.tobytes() for x in digits.examples("test", slice(None))["x"]}
    for row in rows:
        assert row[0].tobytes() in test
        assert row[-1].tobytes() in test
        assert row[0].tobytes() != row[-1].tobytes()


@pytest.mark.parametrize("outer", [0, -1])
def test_the_ends_are_reconstructions(rows, glf, outer):
    ends = glf.reconstruct(tf.constant(rows[:, outer])).numpy().astype(int)
    beside = rows[:, 1 if outer == 0 else -2]
    assert np.abs(ends - beside).max() <= 1
    assert (ends != beside).mean() < 0.01


def test_the_middle_is_the_middle_in_base_space(rows, glf):
    ends = [glf.to_base(glf.encode(tf.constant(rows[:, i]))).numpy() for i in (0, -1)]
    middle = glf.decode(glf.from_base((ends[0] + ends[1]) / 2)).numpy().astype(int)
    assert np.abs(middle - rows[:, 3]).max() <= 1


def test_the_seed_chooses_the_pairs(rows, glf, digits):
    again = interpolations(glf, digits, rows=3, steps=5, seed=7).reshape(rows.shape)
    np.testing.assert_array_equal(again, rows)
    other = interpolations(glf, digits, rows=3, steps=2, seed=-8).reshape(3, 4, 8, 8, 1)
    assert not np.array_equal(other[:, 0], rows[:, 0])


def test_a_model_without_a_flow_is_refused(digits):
    with pytest.raises(ValueError, match="object has no flow on latents"):
        interpolations(object(), digits, 1, 2, 0)


def test_two_images_are_needed(glf, digits):
    class One:
        name = "one"

        def num_examples(self, split):
            return 1

    with pytest.raises(ValueError, match="test split of one has 1 images"):
        interpolations(glf, One(), 1, 2, 0)
