"""Samples that are no data: values outside of the range, and numbers that are not finite."""

import numpy as np
import pytest
import tensorflow as tf

from glf.data.dataset import DataSpec
from glf.models.pixel_flow import PixelFlow
from glf.priors import StandardNormal


class Given(StandardNormal):
    """Samples are given values."""

    values = (-1e30, -0.1, 0.0, 0.199, 0.2, 0.999, 1.0, 1.1, 1e12)

    def _sample(self, num, seed, temperature, condition):
        return tf.tile(tf.constant(self.values, tf.float32)[None, :, None, None], [num, 1, 1, 1])


def test_values_outside_of_the_unit_interval():
    """A flow without a logit has them; with one they come as 0 and 1 themselves."""
    model = PixelFlow(DataSpec((9, 1, 1), 5, None), make_density=Given)
    expected = [0, 0, 0, 0, 1, 4, 4, 4, 4]
    np.testing.assert_array_equal(model.sample(2, 0)[:, :, 0, 0], [expected] * 2)
    drawn = model.draw(2, 0)
    np.testing.assert_allclose(drawn.outside, [6 / 9] * 2)
    assert drawn.describe().startswith("66.7 % of their values lay outside the data's range")
    assert not drawn.not_finite.numpy().any()


def test_values_that_are_not_finite():
    class Broken(Given):
        values = (-np.inf, 0.5, np.nan, np.inf)

    model = PixelFlow(DataSpec((4, 1, 1), 5, None), make_density=Broken)
    drawn = model.draw(2, 0)
    np.testing.assert_allclose(drawn.not_finite, [0.75] * 2)
    np.testing.assert_array_equal(drawn.x[0, :, 0, 0], [0, 2, 0, 0])
    assert "75 % were not finite" in drawn.describe()
    with pytest.raises(ValueError, match="values that are not finite: 2 of 2"):
        model.sample(2, 0)
    in_graph = tf.function(lambda: model.sample(2, 0), autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="values that are not finite"):
        in_graph()
