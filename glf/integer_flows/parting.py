"""Ways to part images: what is factored out, what stays, and what of that its prior is shown."""

import abc

import tensorflow as tf


class Parting(abc.ABC):
    """A division of images [batch, height, width, channels] in two, for one shape.

    Attributes:
      stay_shape: (height, width, channels) of what stays.
      out_shape: of what goes out.
      seen_shape: of what the prior of the latter is shown; its sides are those of `out_shape`.
    """

    @abc.abstractmethod
    def part(self, z):
        """An image as (what stays, what goes out)."""

    @abc.abstractmethod
    def join(self, stay, out):
        """The image again."""

    @abc.abstractmethod
    def seen(self, stay):
        """What the prior of what goes out is shown."""


class ChannelParting(Parting):
    """The last ⌊c/2⌋ channels go out; their prior is shown all that stay.

    Raises:
      ValueError: for images of one channel.
    """

    def __init__(self, shape):
        height, width, channels = shape
        if channels < 2:
            raise ValueError(f"An image of {channels} channel has none to factor out.")
        self.sizes = (channels - channels // 2, channels // 2)
        self.stay_shape = self.seen_shape = (height, width, self.sizes[0])
        self.out_shape = (height, width, self.sizes[1])

    def part(self, z):
        """An image as (what stays, what goes out)."""
        return tf.split(z, self.sizes, -1)

    def join(self, stay, out):
        """The image again."""
        return tf.concat([stay, out], -1)

    def seen(self, stay):
        """All."""
        return stay


class EdgeParting(Parting):
    """The last row goes out, or the last column, of a side that cannot be halved.

    Its prior is shown the two lines beside it (one, where there is no more), the nearest first, as
    channels of an image of its own shape.

    Args:
      shape: (height, width, channels).
      axis: 0 for the row, 1 for the column.

    Raises:
      ValueError: for a side of 1.
    """

    def __init__(self, shape, axis):
        if shape[axis] < 2:
            raise ValueError(f"An image of {shape[0]} x {shape[1]} has no line to take from it.")
        self.axis, self.left = axis + 1, shape[axis] - 1
        self.lines = min(2, self.left)

        def changed(at, value):
            return tuple(value if i == at else n for i, n in enumerate(shape))

        self.stay_shape, self.out_shape = changed(axis, self.left), changed(axis, 1)
        self.seen_shape = (*self.out_shape[:2], self.lines * shape[2])

    def part(self, z):
        """An image as (what stays, what goes out)."""
        return tf.split(z, [self.left, 1], self.axis)

    def join(self, stay, out):
        """The image again."""
        return tf.concat([stay, out], self.axis)

    def seen(self, stay):
        """The lines beside it."""
        _, *lines = tf.split(stay, [self.left - self.lines, *[1] * self.lines], self.axis)
        return tf.concat(lines[::-1], -1)
