"""Masks: which part of an image a coupling moves, which part it sees, and how both are laid out.

A mask is made for one image shape. It divides an image into what stays fixed and what is moved,
and puts the two together again; it says what the coupling's network is shown, and picks the
parameters of what is moved from what the network gives. Its `positions` are how many places hold
something fixed and something moved.
"""

import abc

import numpy as np
import tensorflow as tf

from glf.layers.context import fit_context, flat, grouped


class Mask(abc.ABC):
    """The contract of every mask, and what is so wherever a class does not say otherwise."""

    @abc.abstractmethod
    def split(self, point):
        """Returns what is fixed and what is moved."""

    @abc.abstractmethod
    def join(self, fixed, moved):
        """The image again."""

    def seen(self, point, fixed):
        """What the network is shown: what is fixed."""
        return fixed

    def context_shape(self, shape):
        """The shape of the condition that the network is given, for one of shape `shape`."""
        return shape

    def context(self, condition):
        """The condition that the network is given."""
        return condition

    def of_moved(self, raw):
        """The parameters of what is moved: all that the network gives."""
        return raw

    def total(self, log_derivative):
        """The sum over what is moved, [batch]."""
        return tf.reduce_sum(log_derivative, axis=(1, 2, 3))


class ChannelMask(Mask):
    """The first ⌊c/2⌋ channels and the others (Dinh et al. 2016, "RealNVP", figure 3, right).

    The second part is moved, with `flip` the first. The network is shown the other part alone.

    Raises:
      ValueError: for images of one channel.
    """

    def __init__(self, image_shape, flip):
        height, width, channels = image_shape
        if channels < 2:
            raise ValueError(
                f"A channel mask needs at least 2 channels, got {channels}; use "
                'mask="checkerboard", or a Squeeze before the coupling.'
            )
        self.flip = flip
        self.sizes = (channels // 2, channels - channels // 2)
        self.moved_channels = self.sizes[0 if flip else 1]
        self.positions = (height * width, height * width)
        self.seen_shape = (height, width, channels - self.moved_channels)

    def split(self, point):
        """Returns what is fixed and what is moved."""
        return tf.split(point, self.sizes, axis=3)[:: -1 if self.flip else 1]

    def join(self, fixed, moved):
        """The image again."""
        return tf.concat([moved, fixed] if self.flip else [fixed, moved], axis=3)


class P4Mask(ChannelMask):
    """The first ⌊C/2⌋ channels of every element, and the others, of features of the group p4.

    Of a `ChannelMask` in each of four equal groups of channels, see `glf.layers.plane_groups`: a
    rotation of the image permutes the groups, and so moves neither half into the other. What the
    network is shown and what it gives parameters for are such features too.

    Raises:
      ValueError: for channels that are no four groups, or groups of one channel.
    """

    elements = 4

    def __init__(self, image_shape, flip):
        height, width, channels = image_shape
        each = channels // self.elements
        if channels % self.elements or each < 2:
            raise ValueError(
                "A mask of p4 needs 4 equal groups of channels, of at least 2 channels, got "
                f'{channels}; of an image they are made by Squeeze.order="p4_image", of a grey one '
                "with factor 4."
            )
        super().__init__((height, width, each), flip)
        self.moved_channels *= self.elements
        self.seen_shape = (height, width, channels - self.moved_channels)

    def split(self, point):
        """Returns what is fixed and what is moved."""
        parts = tf.split(grouped(point, self.elements), self.sizes, axis=4)
        return [flat(part) for part in parts[:: -1 if self.flip else 1]]

    def join(self, fixed, moved):
        """The image again."""
        parts = [grouped(part, self.elements) for part in (fixed, moved)]
        return flat(tf.concat(parts[:: -1 if self.flip else 1], axis=4))


class CheckerboardMask(Mask):
    """The fields of one colour and those of the other (RealNVP, figure 3, left); any size.

    Where row + column is odd an image is moved, with `flip` where it is even. The network is shown
    the whole image with zeros where it is moved, and the mask itself as one more channel.

    Both halves are kept packed, [batch, height, ⌈width/2⌉, channels]: each pair of neighbours in a
    row has one of either kind, so no map is evaluated where nothing is moved. Images of odd width
    are given one more column, of zeros, which counts for nothing.

    Raises:
      ValueError: for images of one pixel.
    """

    def __init__(self, image_shape, flip):
        height, width, channels = image_shape
        if height * width < 2:
            raise ValueError(
                f"A checkerboard needs at least 2 pixels, got {height} x {width}; use "
                'mask="channel".'
            )
        self.shape = image_shape
        self.moved_channels = channels
        self.seen_shape = (height, width, channels + 1)
        rows, columns = np.arange(height)[:, None], np.arange(width + width % 2)
        moved = self._moved(rows, columns, flip)
        # [height, ⌈width/2⌉, 1] and [height, 1, 1]: is the right one of each pair moved?
        self.right = moved[:, 1::2, None][:, :1]
        self.board = moved[:, :width, None]
        exists = np.broadcast_to(columns < width, moved.shape)
        self.exists = np.where(self.right[..., 0], exists[:, 1::2], exists[:, ::2])[..., None]
        number = int(self.exists.sum())
        self.positions = (height * width - number, number)

    @staticmethod
    def _moved(rows, columns, flip):
        """Which positions are moved, [height, width]: one of each pair of neighbours in a row."""
        return (rows + columns + flip) % 2 == 1

    def split(self, point):
        """Returns what is fixed and what is moved, both packed."""
        left, right = self._pairs(point)
        return tf.where(self.right, left, right), tf.where(self.right, right, left)

    def join(self, fixed, moved):
        """The image again."""
        height, width, channels = self.shape
        left, right = tf.where(self.right, fixed, moved), tf.where(self.right, moved, fixed)
        image = tf.reshape(
            tf.stack([left, right], axis=3), (-1, height, width + width % 2, channels)
        )
        return image[:, :, :width] if width % 2 else image

    def seen(self, point, fixed):
        """What the network is shown."""
        board = tf.constant(self.board, point.dtype)
        board = tf.broadcast_to(board, [tf.shape(point)[0], *board.shape])
        return tf.concat([tf.where(self.board, tf.zeros_like(point), point), board], axis=3)

    def of_moved(self, raw):
        """The parameters of what is moved, packed."""
        left, right = self._pairs(raw)
        return tf.where(self.right, right, left)

    def total(self, log_derivative):
        """The sum over what is moved, [batch]."""
        if self.shape[1] % 2:
            log_derivative = tf.where(self.exists, log_derivative, tf.zeros_like(log_derivative))
        return super().total(log_derivative)

    def _pairs(self, image):
        """The left and the right one of each pair of columns: [batch, height, ⌈width/2⌉, n]."""
        if self.shape[1] % 2:
            image = tf.pad(image, [[0, 0], [0, 0], [0, 1], [0, 0]])
        _, height, width, channels = image.shape
        pairs = tf.reshape(image, (-1, height, width // 2, 2, channels))
        return pairs[:, :, :, 0], pairs[:, :, :, 1]


class PackedCheckerboardMask(CheckerboardMask):
    """A checkerboard whose network works on packed images, as in Flow++'s code.

    The network is shown what is fixed, packed to half the width, and gives parameters for as many
    positions: it costs half of what `CheckerboardMask` does, and attention a quarter. A condition
    about places is packed too, the features of each pair one after the other.

    Raises:
      ValueError: for images of one pixel.
    """

    def __init__(self, image_shape, flip):
        super().__init__(image_shape, flip)
        height, width, channels = image_shape
        self.seen_shape = (height, -(-width // 2), channels)

    seen, of_moved = Mask.seen, Mask.of_moved

    def context_shape(self, shape):
        """The shape of the condition that the network is given, for one of shape `shape`."""
        if shape is None or tuple(shape[1:3]) == (1, 1):
            return shape
        return (shape[0], *self.seen_shape[:2], 2 * shape[3])

    def context(self, condition):
        """The condition that the network is given."""
        if condition is None or tuple(condition.shape[1:3]) == (1, 1):
            return condition
        return tf.concat(self._pairs(fit_context(condition, *self.shape[:2])), axis=3)


class PackedColumnsMask(PackedCheckerboardMask):
    """The odd columns and the even ones, packed: what stands in Flow++'s code as a checkerboard.

    Columns are counted from 0; the odd ones are moved, with `flip` the even ones.

    Raises:
      ValueError: for images of one column.
    """

    def __init__(self, image_shape, flip):
        if image_shape[1] < 2:
            raise ValueError(
                f"A mask of columns needs at least 2 of them, got {image_shape[1]}; use "
                'mask="checkerboard".'
            )
        super().__init__(image_shape, flip)

    @staticmethod
    def _moved(rows, columns, flip):
        """Which positions are moved, [height, width]."""
        return (0 * rows + columns + flip) % 2 == 1


MASKS = {
    "channel": ChannelMask,
    "p4": P4Mask,
    "checkerboard": CheckerboardMask,
    "packed_checkerboard": PackedCheckerboardMask,
    "packed_columns": PackedColumnsMask,
}
