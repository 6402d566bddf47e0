"""Pre-activation residual blocks of group features."""

import keras
import tensorflow as tf

from glf.layers.group_conv import GroupConv2D, channels_of
from glf.layers.group_norm import GroupBatchNorm, LatticePooling
from glf.layers.lattice import halving_size
from glf.layers.plane_groups import plane_group


class GroupResidualBlock(keras.layers.Layer):
    """y = shortcut(h) + conv(relu(bn(conv(relu(bn(h)))))), group convolutions of size 3.

    He et al. 2016, arXiv 1603.05027, with every layer shared over the group. With `down` the first
    convolution has stride 2, of size 4 where sides are even, and the shortcut averages. The
    shortcut is a group convolution of size 1 where the number of channels changes.

    [batch, height, width, |G| C] to [batch, height', width', |G| filters].

    Args:
      filters: number of channels for each element of the group.
      group: one of `plane_groups.GROUP_NAMES`.
      down: whether it halves the sides, see `lattice.halved`.

    Raises:
      ValueError: as of `GroupConv2D`.
    """

    def __init__(self, filters, group, *, down=False, dtype=None):
        super().__init__(dtype=dtype)
        self.filters, self.group, self.down = filters, plane_group(group), down

    def build(self, input_shape):
        """Makes two normalisations, two convolutions and, if needed, the shortcut's."""
        _, height, width, features = input_shape
        options = {"use_bias": False, "dtype": self.dtype_policy}
        name, policy = self.group.name, self.dtype_policy
        first = {"size": 3}
        if self.down:
            first = {"size": halving_size(height, width), "stride": 2}
        self.norms = [GroupBatchNorm(name, dtype=policy), GroupBatchNorm(name, dtype=policy)]
        self.convolutions = [
            GroupConv2D(self.filters, name, **first, **options),
            GroupConv2D(self.filters, name, 3, **options),
        ]
        self.pooling = LatticePooling(name, "mean", dtype=policy) if self.down else None
        self.shortcut = None
        if channels_of(self.group, features) != self.filters:
            self.shortcut = GroupConv2D(self.filters, name, 1, **options)
        self.norms[0].build(input_shape)
        self.convolutions[0].build(input_shape)
        inner = self.convolutions[0].compute_output_shape(input_shape)
        self.norms[1].build(inner)
        self.convolutions[1].build(inner)
        if self.shortcut is not None:
            self.shortcut.build((*inner[:3], features))

    def call(self, h, training=False):
        """h to the features of the block."""
        y = tf.nn.relu(self.norms[0](h, training=training))
        y = tf.nn.relu(self.norms[1](self.convolutions[0](y), training=training))
        y = self.convolutions[1](y)
        h = h if self.pooling is None else self.pooling(h)
        return y + (h if self.shortcut is None else self.shortcut(h))

    def compute_output_shape(self, input_shape):
        """The sides kept or halved, and the group's channels."""
        *places, _ = self.convolutions[0].compute_output_shape(input_shape)
        return (*places, self.group.order * self.filters)
