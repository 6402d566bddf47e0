"""Space for channels: blocks of pixels become pixels with more channels, and the way back."""

import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all

ORDERS = ("rows", "channels", "checkerboard")


class _Blocks(ImageBijector):
    """What `Squeeze` and `Unsqueeze` share: a factor and an order of the channels."""

    def __init__(self, factor=2, order="rows", *, dtype="float32"):
        super().__init__(dtype=dtype)
        kind = type(self).__name__
        if factor < 1:
            raise ValueError(f"{kind} needs factor >= 1, got {factor}.")
        if order not in ORDERS:
            raise ValueError(f"{kind}.order is one of {ORDERS}, got {order!r}.")
        self.factor = factor
        self.order = order

    def _squeezed(self, image):
        """[batch, f h, f w, c] to [batch, h, w, f² c]."""
        f = self.factor
        _, rows, columns, channels = image.shape
        height, width = rows // f, columns // f
        blocks = tf.reshape(image, (-1, height, f, width, f, channels))
        if self.order == "channels":
            blocks = tf.transpose(blocks, (0, 1, 3, 5, 2, 4))
        else:
            blocks = tf.transpose(blocks, (0, 1, 3, 2, 4, 5))
        if self.order == "checkerboard":
            places = tf.unstack(tf.reshape(blocks, (-1, height, width, f * f, channels)), axis=3)
            return tf.concat([places[i] for i in _by_colour(f)], axis=-1)
        return tf.reshape(blocks, (-1, height, width, f * f * channels))

    def _unsqueezed(self, image):
        """[batch, h, w, f² c] to [batch, f h, f w, c]."""
        f = self.factor
        _, height, width, size = image.shape
        channels = size // f**2
        if self.order == "channels":
            blocks = tf.reshape(image, (-1, height, width, channels, f, f))
            blocks = tf.transpose(blocks, (0, 1, 4, 2, 5, 3))
        else:
            if self.order == "checkerboard":
                parts = dict(zip(_by_colour(f), tf.split(image, f * f, axis=-1), strict=True))
                image = tf.concat([parts[i] for i in range(f * f)], axis=-1)
            blocks = tf.reshape(image, (-1, height, width, f, f, channels))
            blocks = tf.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return tf.reshape(blocks, (-1, f * height, f * width, channels))


class Squeeze(_Blocks):
    """[h, w, c] on the data's side, [h / f, w / f, f² c] on the base's; log|det| = 0.

    Every block of f x f pixels becomes one pixel (Dinh, Sohl-Dickstein, Bengio 2016, "RealNVP",
    section 3.6). Orders of its channels, with r and s row and column in the block and k the
    channel:

      "rows"          (r f + s) c + k, as in `tf.nn.space_to_depth`: the first half is the upper
                      half of the block.
      "channels"      (k f + r) f + s: the first half is that of the channels.
      "checkerboard"  first the pixels of one colour, where r + s is even, then those of the other,
                      each in the order of rows: the first half is one colour. What RealNVP's
                      program factors out in halves.

    Args:
      factor: f, at least 1.
      order: "rows", "channels" or "checkerboard".

    Raises:
      ValueError: for arguments out of range; in `build`, for sides that are no multiples of the
        factor.
    """

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

    def _forward(self, u, condition, training):
        """Pixels of the base back into blocks, and 0."""
        return self._unsqueezed(u), same_for_all(0.0, u)

    def _inverse(self, y, condition, training):
        """Blocks of the data into pixels, and 0."""
        return self._squeezed(y), same_for_all(0.0, y)


class Unsqueeze(_Blocks):
    """[h, w, f² c] on the data's side, [f h, f w, c] on the base's: the inverse of `Squeeze`.

    Behind a squeeze and couplings of the channels, it puts the pixels back to where they were.

    Args:
      factor: f, at least 1.
      order: the order of the channels, see `Squeeze`.

    Raises:
      ValueError: for arguments out of range; in `build`, for a number of channels that is no
        multiple of f².
    """

    def build(self, input_shape, condition_shape=None):
        """Checks that the channels divide."""
        super().build(input_shape, condition_shape)
        if self.event_shape[2] % self.factor**2:
            raise ValueError(
                f"Unsqueeze with factor {self.factor} needs a multiple of {self.factor**2} "
                f"channels, got {self.event_shape[2]}."
            )

    @property
    def base_shape(self):
        """(f h, f w, c)."""
        if self.event_shape is None:
            return None
        height, width, size = self.event_shape
        return height * self.factor, width * self.factor, size // self.factor**2

    def _forward(self, u, condition, training):
        """Blocks of the base into pixels, and 0."""
        return self._squeezed(u), same_for_all(0.0, u)

    def _inverse(self, y, condition, training):
        """Pixels of the data into blocks, and 0."""
        return self._unsqueezed(y), same_for_all(0.0, y)


def _by_colour(factor):
    """The places of a block, counted by rows: first those where row + column is even."""
    places = range(factor * factor)
    return sorted(places, key=lambda place: (place // factor + place % factor) % 2)
