"""Images as vectors: for flows that do not care about places, such as NICE."""

import math

import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all


class Flatten(ImageBijector):
    """[h, w, c] on the data's side, [h w c] on the base's, in raster order; log|det| = 0."""

    @property
    def base_shape(self):
        """(h w c,)."""
        return None if self.event_shape is None else (math.prod(self.event_shape),)

    def _forward(self, u, condition, training):
        """Vectors to images, and 0."""
        return tf.reshape(u, (-1, *self.event_shape)), same_for_all(0.0, u)

    def _inverse(self, y, condition, training):
        """Images to vectors, and 0."""
        return tf.reshape(y, (-1, *self.base_shape)), same_for_all(0.0, y)
