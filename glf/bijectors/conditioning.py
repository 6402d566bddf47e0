"""Learned matrices: how well they can be inverted in the arithmetic that they are used with."""

import tensorflow as tf

from glf.core import random


class LearnedMatrix:
    """An ability of bijectors u = A y, A a matrix of learned weights, the same for all y.

    A has an inverse for all weights, but one that may enlarge rounding errors without bound. That
    depends on weights alone, so it can be measured without data.
    """

    def round_trip_error(self):
        """max |A⁻¹ (A y) - y| over four points y of standard normal noise, a scalar.

        About the machine epsilon of the layer's dtype for a well conditioned A. Where A y or its
        solution overflows it is infinite.
        """
        y = random.normal((4, *self.event_shape), 0, dtype=tf.as_dtype(self.compute_dtype))
        condition = None
        if self.condition_shape is not None:
            # What the layer is built for, and ignores.
            shape = [4, *(size or 1 for size in self.condition_shape[1:])]
            condition = tf.zeros(shape, y.dtype)
        back = self.forward(self.inverse(y, condition), condition)
        error = tf.reduce_max(tf.abs(back - y))
        return tf.where(tf.math.is_nan(error), tf.constant(float("inf"), y.dtype), error)
