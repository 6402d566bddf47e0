"""Space for channels, at sides that need not be even both."""

import tensorflow as tf

from glf.integer_flows.base import IntegerMap


class IntegerSqueeze(IntegerMap):
    """[h, w, c] on the data's side, [h / a, w / b, a b c] on the base's.

    Every block of a x b pixels becomes one pixel; with row r and column s in the block, channel k
    becomes channel (r b + s) c + k, as `tf.nn.space_to_depth` has it. A side's factor is 2, but 1
    for a side of 1: a row of pixels is squeezed along its length alone.

    Attributes:
      factors: (a, b), after `build`.

    Raises:
      ValueError: in `build`, for a side that is odd and not 1, or an image of one pixel.
    """

    def build(self, input_shape, condition_shape=None):
        """Finds the factors."""
        super().build(input_shape, condition_shape)
        sides = self.event_shape[:2]
        if any(side > 1 and side % 2 for side in sides) or sides == (1, 1):
            raise ValueError(
                f"IntegerSqueeze halves sides that are even or 1, not both 1, got {sides[0]} x "
                f"{sides[1]}. IntegerMultiScale takes an odd row or column away before; an image "
                "of one pixel cannot be squeezed: take fewer levels."
            )
        self.factors = tuple(2 if side > 1 else 1 for side in sides)

    @property
    def base_shape(self):
        """[h / a, w / b, a b c]."""
        (height, width, channels), (a, b) = self.event_shape, self.factors
        return (height // a, width // b, a * b * channels)

    def _forward(self, u, condition, training):
        (height, width, channels), (a, b) = self.event_shape, self.factors
        blocks = tf.reshape(u, (-1, height // a, width // b, a, b, channels))
        return tf.reshape(tf.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, height, width, channels))

    def _inverse(self, x, condition, training):
        (height, width, channels), (a, b) = self.event_shape, self.factors
        blocks = tf.reshape(x, (-1, height // a, a, width // b, b, channels))
        return tf.reshape(tf.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, *self.base_shape))
