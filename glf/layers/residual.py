"""Pre-activation residual blocks that keep, halve or double an image."""

import keras
import tensorflow as tf

from glf.layers.batch_norm import BatchNormalization

RESAMPLINGS = (None, "down", "up")


class ResidualBlock(keras.layers.Layer):
    """y = shortcut(h) + conv(relu(bn(conv(relu(bn(h)))))), 3x3 convolutions.

    He et al. 2016, arXiv 1603.05027 (full pre-activation). With `resample="down"` the first
    convolution has stride 2 and the shortcut averages 2x2 pixels; sizes are rounded up. With "up"
    both repeat each pixel 2x2 times, cropped to `output_size`. The shortcut is a 1x1 convolution
    where the number of channels changes and the identity elsewhere. Nothing has a bias: whatever
    normalisation reads the sum next would cancel it.

    [batch, height, width, channels] to [batch, *size, filters].

    Args:
      filters: the number of output channels.
      resample: None, "down" or "up".
      output_size: with "up" only, (height, width) of the output, each twice the input's or one
        less; None is exactly twice.

    Raises:
      ValueError: for an unknown `resample`, or at build if `output_size` does not belong to the
        input's size.
    """

    def __init__(self, filters, *, resample=None, output_size=None, dtype=None):
        super().__init__(dtype=dtype)
        if filters < 1:
            raise ValueError(f"ResidualBlock.filters must be at least 1, got {filters}.")
        if resample not in RESAMPLINGS:
            raise ValueError(
                f"ResidualBlock.resample must be one of {RESAMPLINGS}, got {resample!r}."
            )
        if output_size is not None and resample != "up":
            raise ValueError('ResidualBlock.output_size is for resample="up" only.')
        self.filters = filters
        self.resample = resample
        self.output_size = None if output_size is None else tuple(output_size)

    def build(self, input_shape):
        """Makes two batch normalisations, two convolutions and, if needed, the shortcut's."""
        _, height, width, channels = input_shape
        if self.resample == "up":
            size = self.output_size or (2 * height, 2 * width)
            if not all(2 * n - 1 <= m <= 2 * n for n, m in zip((height, width), size, strict=True)):
                raise ValueError(
                    f"output_size must be twice the input's size ({height}, {width}) or one less, "
                    f"got {size}."
                )
            self.output_size = size
        policy = self.dtype_policy
        self.normalise = [batch_normalization(policy), batch_normalization(policy)]
        stride = 2 if self.resample == "down" else 1
        self.convolutions = [
            _convolution(self.filters, 3, policy, strides=stride),
            _convolution(self.filters, 3, policy),
        ]
        self.shortcut = None
        if channels != self.filters:
            self.shortcut = _convolution(self.filters, 1, policy)
            self.shortcut.build(input_shape)
        inner_shape = (None, None, None, self.filters)
        for part, shape in (
            (self.normalise[0], input_shape),
            (self.convolutions[0], input_shape),
            (self.normalise[1], inner_shape),
            (self.convolutions[1], inner_shape),
        ):
            part.build(shape)

    def call(self, h, training=False):
        """h [batch, height, width, channels] to [batch, *size, filters]."""
        y = tf.nn.relu(self.normalise[0](h, training=training))
        y = self.convolutions[0](self._up(y))
        y = tf.nn.relu(self.normalise[1](y, training=training))
        y = self.convolutions[1](y)
        if self.resample == "down":
            # With "SAME" the average at an odd edge is over the pixels that exist.
            h = tf.nn.avg_pool2d(h, 2, strides=2, padding="SAME")
        # The 1x1 convolution commutes with repeating pixels and is cheaper before it.
        if self.shortcut is not None:
            h = self.shortcut(h)
        return self._up(h) + y

    def compute_output_shape(self, input_shape):
        """The input's size kept, halved or doubled."""
        batch, height, width, _ = input_shape
        if self.resample == "down":
            height, width = -(-height // 2), -(-width // 2)
        elif self.resample == "up":
            height, width = self.output_size or (2 * height, 2 * width)
        return (batch, height, width, self.filters)

    def _up(self, h):
        if self.resample != "up":
            return h
        return repeat_pixels(h)[:, : self.output_size[0], : self.output_size[1]]


def repeat_pixels(h):
    """Each pixel 2x2 times: [batch, height, width, channels] to [batch, 2h, 2w, channels].

    A broadcast, so that its gradient is a sum in a fixed order.
    """
    height, width, channels = h.shape[1:]
    h = tf.reshape(h, (-1, height, 1, width, 1, channels))
    h = tf.broadcast_to(h, (tf.shape(h)[0], height, 2, width, 2, channels))
    return tf.reshape(h, (-1, 2 * height, 2 * width, channels))


def batch_normalization(policy):
    """Batch normalisation with momentum 0.9 and epsilon 1e-5."""
    return BatchNormalization(dtype=policy)


def _convolution(filters, size, policy, strides=1):
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        dtype=policy,
    )
