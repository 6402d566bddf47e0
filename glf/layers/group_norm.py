"""Batch normalisation and pooling of group features, the same for all elements of the group."""

import keras
import tensorflow as tf

from glf.layers.group_conv import cells_only, channels_of, check_sides
from glf.layers.lattice import HEXAGONAL, cells, halved, hexagon, padding
from glf.layers.plane_groups import plane_group
from glf.layers.residual import batch_normalization

KINDS = ("max", "mean")


class GroupBatchNorm(keras.layers.Layer):
    """Batch normalisation with one mean, variance, scale and shift for a channel of all elements.

    Statistics are over the batch, the cells and the group, with momentum 0.9 and epsilon 1e-5.

    [batch, height, width, |G| C] to the same shape.

    Args:
      group: one of `plane_groups.GROUP_NAMES`.

    Raises:
      ValueError: in `build`, for channels that are no multiple of |G|.
    """

    def __init__(self, group, *, dtype=None):
        super().__init__(dtype=dtype)
        self.group = plane_group(group)

    def build(self, input_shape):
        """Makes the weights of C channels."""
        channels = channels_of(self.group, input_shape[-1])
        self.norm = batch_normalization(self.dtype_policy)
        self.norm.build((None, None, None, channels))

    def call(self, h, training=False):
        """h normalised; what is no cell stays 0."""
        _, height, width, features = h.shape
        order, mask = self.group.order, None
        # The group beside the columns: what is normalised are the last axis' channels.
        flat = tf.reshape(h, (-1, height, width * order, features // order))
        if self.group.lattice == HEXAGONAL:
            which = tf.repeat(tf.constant(hexagon(height, width)), order, axis=1)
            mask = tf.broadcast_to(which, tf.shape(flat)[:3])
        flat = self.norm(flat, training=training, mask=mask)
        return cells_only(tf.reshape(flat, (-1, height, width, features)), self.group)

    def compute_output_shape(self, input_shape):
        """The input's."""
        return input_shape


class GroupPooling(keras.layers.Layer):
    """The mean or the maximum over the group: features that turn with the image, as an image does.

    [batch, height, width, |G| C] to [batch, height, width, C].

    Args:
      group: one of `plane_groups.GROUP_NAMES`.
      kind: "max" or "mean".
      over_places: whether it is the mean over all cells as well, [batch, C]: then what is given is
        the same for an image and its rotations.

    Raises:
      ValueError: for an unknown group or kind; in `build`, for channels that are no multiple of
        |G|.
    """

    def __init__(self, group, kind="max", *, over_places=False, dtype=None):
        super().__init__(dtype=dtype)
        self.group, self.kind, self.over_places = plane_group(group), _known(kind), over_places

    def build(self, input_shape):
        """Checks the channels."""
        channels_of(self.group, input_shape[-1])

    def call(self, h):
        """The pooled features."""
        _, height, width, features = h.shape
        order = self.group.order
        h = tf.reshape(h, (-1, height, width, order, features // order))
        h = _reduced(h, 3, self.kind)
        if not self.over_places:
            return h
        count = height * width
        if self.group.lattice == HEXAGONAL:
            count = int(hexagon(height, width).sum())
        return tf.reduce_sum(h, axis=(1, 2)) / tf.cast(count, h.dtype)

    def compute_output_shape(self, input_shape):
        """[batch, height, width, C], or [batch, C]."""
        *places, features = input_shape
        places = places[:1] if self.over_places else places
        return (*places, features // self.group.order)


class LatticePooling(keras.layers.Layer):
    """The mean or the maximum over a window about every other place, which keeps all rotations.

    Along an even side a window has 2 places, along an odd one 3 about every place that is left, see
    `lattice.halved`; on the hexagonal lattice it is a cell and its neighbours. What lies beyond the
    image is not looked at. Where several are the maximum, they share its gradient.

    [batch, height, width, n] to [batch, halved(height), halved(width), n].

    Args:
      group: one of `plane_groups.GROUP_NAMES`.
      kind: "max" or "mean".

    Raises:
      ValueError: for an unknown group or kind; in `build`, for a hexagonal lattice's sides that
        hold no hexagon.
    """

    def __init__(self, group, kind="mean", *, dtype=None):
        super().__init__(dtype=dtype)
        self.lattice, self.kind = plane_group(group).lattice, _known(kind)
        self.group = plane_group(group)

    def build(self, input_shape):
        """Checks the sides."""
        check_sides(self.group, *input_shape[1:3])

    def call(self, h):
        """The pooled features."""
        windows = [(side, 2 if side % 2 == 0 else min(side, 3)) for side in h.shape[1:3]]
        exists = tf.ones((1, *h.shape[1:3], 1), h.dtype)
        exists = tf.concat(self._looked_at(cells_only(exists, self.group), windows), axis=3)
        seen = tf.stack(self._looked_at(h, windows), axis=4)
        if self.kind == "max":
            seen = tf.where(exists[..., None, :] > 0, seen, h.dtype.min)
            pooled = tf.reduce_max(seen, axis=4)
        else:
            number = tf.reduce_sum(exists, axis=3, keepdims=True)
            pooled = tf.reduce_sum(seen, axis=4) / tf.maximum(number, 1)
        return cells_only(pooled, self.group)

    def compute_output_shape(self, input_shape):
        """The halved sides."""
        batch, height, width, features = input_shape
        return (batch, halved(height), halved(width), features)

    def _looked_at(self, h, windows):
        """h at each place of the window, for all windows: a list of [batch, *halved, n]."""
        plans = [(1, 0) if size == 1 else padding(side, size, 2) for side, size in windows]
        pads = [[pad, pad] for _, pad in plans]
        h = tf.pad(h, [[0, 0], *pads, [0, 0]])
        (_, rows), (_, columns) = windows
        inside = [True] * (rows * columns)
        if self.lattice == HEXAGONAL and rows > 1:
            inside = cells(HEXAGONAL, rows)[1]
        places = [(r, c) for r in range(rows) for c in range(columns)]
        (high, _), (wide, _) = plans
        return [
            h[:, r : r + 2 * high - 1 : 2, c : c + 2 * wide - 1 : 2]
            for (r, c), is_cell in zip(places, inside, strict=True)
            if is_cell
        ]


def _known(kind):
    if kind not in KINDS:
        raise ValueError(f"Pooling is one of {KINDS}, got {kind!r}.")
    return kind


def _reduced(h, axis, kind):
    return tf.reduce_max(h, axis=axis) if kind == "max" else tf.reduce_mean(h, axis=axis)
