"""Space for channels: blocks of pixels become pixels with more channels."""

import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all


class Squeeze(ImageBijector):
    """[h, w, c] on the data's side, [h / f, w / f, f² c] on the base's; log|det| = 0.

    Every block of f x f pixels becomes one pixel (Dinh, Sohl-Dickstein, Bengio 2016, "RealNVP",
    section 3.6). Its channels are ordered by row in the block, then column, then channel, as in
    `tf.nn.space_to_depth`: channel (r f + s) c + k of the base is channel k of the pixel in row r
    and column s of the block. The first half of them is the upper half of the block.

    Args:
      factor: f, at least 1.

    Raises:
      ValueError: for a factor below 1; in `build`, for sides that are no multiples of it.
    """

    def __init__(self, factor=2, *, dtype="float32", name=None):
        super().__init__(dtype=dtype, name=name)
        if factor < 1:
            raise ValueError(f"Squeeze needs factor >= 1, got {factor}.")
        self.factor = factor

    def build(self, input_shape, condition_shape=None):
        """Checks that the sides divide."""
        super().build(input_shape, condition_shape)
        height, width, _ = self.event_shape
        if height % self.factor or width % self.factor:
            raise ValueError(
                f"Squeeze with factor {self.factor} needs a height and a width that are multiples "
                f"of it, got {height} x {width}; pad or crop the images, or use fewer scales."
            )

    @property
    def base_shape(self):
        """(h / f, w / f, f² c)."""
        if self.event_shape is None:
            return None
        height, width, channels = self.event_shape
        return height // self.factor, width // self.factor, self.factor**2 * channels

    def forward_and_log_det(self, u, condition=None, training=False):
        """Pixels of the base back into blocks, and 0."""
        u, _ = self.check(u, condition, base=True)
        height, width, _ = self.base_shape
        f, channels = self.factor, self.event_shape[-1]
        blocks = tf.reshape(u, (-1, height, width, f, f, channels))
        y = tf.reshape(tf.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, *self.event_shape))
        return y, same_for_all(0.0, y)

    def inverse_and_log_det(self, y, condition=None, training=False):
        """Blocks of the data into pixels, and 0."""
        y, _ = self.check(y, condition)
        height, width, _ = self.base_shape
        f, channels = self.factor, self.event_shape[-1]
        blocks = tf.reshape(y, (-1, height, f, width, f, channels))
        u = tf.reshape(tf.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, *self.base_shape))
        return u, same_for_all(0.0, u)
