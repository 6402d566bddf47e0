"""Space for channels: blocks of pixels become pixels with more channels, and the way back."""

import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all
from glf.layers.lattice import SQUARE, cells
from glf.layers.plane_groups import plane_group

# Those of the group p4, and how many elements what is squeezed has values for.
_OF_P4 = {"p4_image": 1, "p4": 4}
ORDERS = ("rows", "channels", "checkerboard", *_OF_P4)


class _Blocks(ImageBijector):
    """What `Squeeze` and `Unsqueeze` share: a factor and an order of the channels."""

    def __init__(self, factor=2, order="rows", *, dtype="float32"):
        super().__init__(dtype=dtype)
        kind = type(self).__name__
        if factor < 1:
            raise ValueError(f"{kind} needs factor >= 1, got {factor}.")
        if order not in ORDERS:
            raise ValueError(f"{kind}.order is one of {ORDERS}, got {order!r}.")
        if order in _OF_P4 and factor % 2:
            raise ValueError(
                f"{kind}.order={order!r} wants an even factor, got {factor}: the middle of an odd "
                "block is where it was after a rotation, and belongs to no element of the group."
            )
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
        squeezed = tf.reshape(blocks, (-1, height, width, f * f * channels))
        order = self._pieces()
        if order is None:
            return squeezed
        pieces = tf.split(squeezed, len(order), axis=-1)
        return tf.concat([pieces[i] for i in order], axis=-1)

    def _unsqueezed(self, image):
        """[batch, h, w, f² c] to [batch, f h, f w, c]."""
        f = self.factor
        _, height, width, size = image.shape
        channels = size // f**2
        if self.order == "channels":
            blocks = tf.reshape(image, (-1, height, width, channels, f, f))
            blocks = tf.transpose(blocks, (0, 1, 4, 2, 5, 3))
        else:
            order = self._pieces()
            if order is not None:
                parts = dict(zip(order, tf.split(image, len(order), axis=-1), strict=True))
                image = tf.concat([parts[i] for i in range(len(order))], axis=-1)
            blocks = tf.reshape(image, (-1, height, width, f, f, channels))
            blocks = tf.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return tf.reshape(blocks, (-1, f * height, f * width, channels))

    def _pieces(self):
        """The order of equal pieces of the channels, counted by rows; None for that of rows."""
        if self.order == "checkerboard":
            return _by_colour(self.factor)
        return _by_rotation(self.factor, _OF_P4[self.order]) if self.order in _OF_P4 else None

    def _check_elements(self, channels):
        if channels % _OF_P4.get(self.order, 1):
            raise ValueError(
                f'{type(self).__name__}.order="p4" wants features of p4, a multiple of 4 channels, '
                f'got {channels}; of an image they are made by order="p4_image".'
            )


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
      "p4_image"      for an even f. The four quarters of a block, each with its pixels in the order
                      in which a rotation carries those of the first quarter there: features of the
                      group p4, see `glf.layers.plane_groups`, so that a rotation of the image by a
                      quarter turn moves the squeezed pixels and permutes the four groups of
                      channels. The first quarter's order is that of rows.
      "p4"            the same for what is such features already, c channels in four groups; within
                      a quarter a pixel's channels stand in the order of the elements g⁻¹ h.

    Args:
      factor: f, at least 1; even for p4.
      order: "rows", "channels", "checkerboard", "p4_image" or "p4".

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
        self._check_elements(self.event_shape[2])

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
        self._check_elements(self.event_shape[2] // self.factor**2)

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


def _by_rotation(factor, elements):
    """The pieces of a block, counted by rows and then elements: by rotation, place and element.

    The piece of rotation g, place o of the first quarter and element h is that of the place g o and
    the element g h.
    """
    group = plane_group("p4")
    offsets, _ = cells(SQUARE, factor)
    quarter = [r * factor + s for r in range(factor // 2) for s in range(factor // 2)]
    order = []
    for g, matrix in enumerate(group.matrices):
        rows, columns = ((offsets[quarter] @ matrix.T + factor - 1) // 2).T
        for place in rows * factor + columns:
            of = group.products[g, :elements] if elements > 1 else [0]
            order += [int(place * elements + h) for h in of]
    return order
