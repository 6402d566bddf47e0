"""Group convolutions: convolutions that turn with the image, each one ordinary `conv2d`."""

import keras
import tensorflow as tf

from glf.layers.lattice import HEXAGONAL, hexagon, padding
from glf.layers.plane_groups import kernel_table, plane_group


class _GroupKernel(keras.layers.Layer):
    """Weights that a kernel is made of by a gather with a constant table, see `kernel_table`."""

    def __init__(
        self,
        filters,
        group,
        size=3,
        *,
        stride=1,
        image=False,
        pad=True,
        use_bias=True,
        initializer=None,
        dtype=None,
    ):
        super().__init__(dtype=dtype)
        if filters < 1 or size < 1:
            raise ValueError(
                f"{type(self).__name__} needs filters >= 1 and size >= 1, got {filters}, {size}."
            )
        if not pad and stride != 1:
            raise ValueError(f"{type(self).__name__} without padding has stride 1, got {stride}.")
        self.group = plane_group(group)
        self.filters, self.size, self.stride, self.pad = filters, size, stride, pad
        self.image, self.use_bias, self.initializer = image, use_bias, initializer
        self.fibre = 1 if image else self.group.order
        self.table, self.places = kernel_table(group, size, self.fibre)
        self.bias = self.kept = None

    def make(self, sources, targets, fan_in):
        """Makes the weights ψ, [weights, sources, targets], and the bias."""
        start = self.initializer
        if start is None:
            start = keras.initializers.RandomNormal(stddev=(2.0 / fan_in) ** 0.5)
        shape = (len(self.places), sources, targets)
        self.weight = self.add_weight(name="weight", shape=shape, initializer=start)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def make_kernel(self):
        """The kernel [size, size, fibre * sources, |G| targets] of the present weights."""
        weight = tf.cast(self.weight.value, self.compute_dtype)
        return group_kernel(weight, self.table, self.places, self.size)

    def kernel(self):
        """The same, or what is kept of it, see `glf.layers.kept_kernels`."""
        return self.make_kernel() if self.kept is None else self.kept.value()

    def finished(self, h, order):
        """Adds the bias, the same for `order` elements, and leaves cells alone."""
        if self.bias is not None:
            h = tf.nn.bias_add(h, tf.tile(tf.cast(self.bias.value, h.dtype), [order]))
        return cells_only(h, self.group)

    def windows(self, sides):
        """What a convolution over `sides` gives: (places along both, pads beyond their ends).

        Raises:
          ValueError: if the group is broken there.
        """
        check_sides(self.group, *sides)
        if self.pad:
            return zip(*(padding(side, self.size, self.stride) for side in sides), strict=True)
        if min(sides) < self.size:
            raise ValueError(
                f"A kernel of size {self.size} does not fit into {sides[0]} x {sides[1]} places; "
                "pad, or take a smaller one."
            )
        return tuple(side - self.size + 1 for side in sides), (0, 0)


class GroupConv2D(_GroupKernel):
    """A convolution of a group: of an image, or of features of the group, to such features.

      out(x, g) = Σ_y Σ_h f(y, h) ψ(g⁻¹ (y - x), g⁻¹ h) + b

    over the places y of the kernel's cells around x and, of group features, the elements h; b is
    one for all g (Cohen, Welling 2016, arXiv 1602.07576, equations 10 and 11). With L_t of
    `plane_groups`, conv(L_t f) = L_t conv(f): the layer turns with what it is given. It pads with
    zeros and keeps the size, or takes every other place for stride 2, see `lattice.halved`; with
    `pad=False` it gives the places whose kernel lies within, the only one for a kernel as large as
    the image. On the hexagonal lattice what is not a cell counts for nothing and is given as 0.

    [batch, height, width, n] to [batch, height', width', |G| filters], n = |G| C of features.

    Args:
      filters: number of channels for each element of the group, at least 1.
      group: one of `plane_groups.GROUP_NAMES`.
      size: side of the kernel.
      stride: 1, or 2 to halve both sides.
      image: whether the input is an image, or else group features.
      pad: whether it is padded.
      use_bias: whether there is b.
      initializer: of the weights; None: normal with variance 2 / fan-in.

    Raises:
      ValueError: for an unknown group or numbers out of range; in `build`, for channels that are no
        multiple of |G|, for sides on which this size and stride keep no rotation, and on the
        hexagonal lattice for sides that hold no hexagon.
    """

    def build(self, input_shape):
        """Makes the weights for [None, height, width, n]."""
        *sides, features = input_shape[1:]
        self.windows(sides)
        channels = features if self.image else channels_of(self.group, features)
        self.make(channels, self.filters, len(self.places) * channels)

    def call(self, h):
        """[batch, height, width, n] to [batch, height', width', |G| filters]."""
        h, sides = tf.cast(h, self.compute_dtype), h.shape[1:3]
        if self.image:
            h = cells_only(h, self.group)
        places, pads = self.windows(sides)
        mode = _mode(self, sides, places)
        if mode == "VALID" and any(pads):
            rows, columns = pads
            h = tf.pad(h, [[0, 0], [rows, rows], [columns, columns], [0, 0]])
        h = tf.nn.conv2d(h, self.kernel(), self.stride, mode)
        return self.finished(h, self.group.order)

    def compute_output_shape(self, input_shape):
        """The sides that are left, and the group's channels."""
        places, _ = self.windows(input_shape[1:3])
        return (input_shape[0], *places, self.group.order * self.filters)


class GroupConvTranspose2D(_GroupKernel):
    """The transpose of a group convolution: of group features, to such features or to an image.

      out(y, h) = Σ_x Σ_g f(x, g) ψ(g⁻¹ (y - x), g⁻¹ h) + b,

    to an image without h. The transpose of what turns with its input does so too. With stride 2 it
    doubles the sides, to `output_size`; with stride 1 it keeps them; with `pad=False` it spreads
    every place over a whole kernel, so that [1, 1] becomes [size, size].

    [batch, height, width, |G| C] to [batch, *output_size, |G| filters], or filters of an image.

    Args:
      filters: number of channels for each element of the group, or of the image.
      group: one of `plane_groups.GROUP_NAMES`.
      size: side of the kernel.
      stride: 1, or 2 to double both sides.
      output_size: with stride 2, (height, width) of what is given: sides that `lattice.halved`
        makes the input's of. None: twice the input's.
      image: whether it gives an image, or else group features.
      pad: whether what lies beyond the ends of the output is left out.
      use_bias: whether there is b.
      initializer: of the weights; None: normal with variance 2 / fan-in.

    Raises:
      ValueError: as of `GroupConv2D`; for an `output_size` with stride 1; in `build`, for one that
        does not belong to the input's sides.
    """

    def __init__(self, filters, group, size=3, *, output_size=None, **options):
        super().__init__(filters, group, size, **options)
        if output_size is not None and self.stride == 1:
            raise ValueError("GroupConvTranspose2D.output_size is for stride 2 only.")
        self.output_size = None if output_size is None else tuple(output_size)

    def build(self, input_shape):
        """Makes the weights for [None, height, width, |G| C]."""
        *sides, features = input_shape[1:]
        self._sides(sides)
        channels = channels_of(self.group, features)
        cells = len(self.places) // self.fibre
        self.make(self.filters, channels, cells * self.group.order * channels / self.stride**2)

    def call(self, h):
        """[batch, height, width, |G| C] to [batch, *output_size, |G| filters], or filters."""
        h, places = tf.cast(h, self.compute_dtype), tuple(h.shape[1:3])
        sides = self._sides(places)
        _, pads = self.windows(sides)
        mode = _mode(self, sides, places)
        if mode == "SAME":
            pads = (0, 0)
        features = self.fibre * self.filters
        wide = [side + 2 * pad for side, pad in zip(sides, pads, strict=True)]
        shape = [tf.shape(h)[0], *wide, features]
        if places == (1, 1) and not self.pad:
            # Every weight is used once: a product of matrices, which convolutions are slow at.
            kernel = tf.reshape(self.kernel(), (-1, h.shape[-1]))
            h = tf.reshape(tf.matmul(h[:, 0, 0], kernel, transpose_b=True), shape)
        else:
            h = tf.nn.conv2d_transpose(h, self.kernel(), shape, self.stride, mode)
        rows, columns = pads
        h = h[:, rows : rows + sides[0], columns : columns + sides[1]]
        return self.finished(tf.ensure_shape(h, (None, *sides, features)), self.fibre)

    def compute_output_shape(self, input_shape):
        """The sides that are given, and the channels."""
        return (input_shape[0], *self._sides(input_shape[1:3]), self.fibre * self.filters)

    def _sides(self, places):
        """The sides of what is given."""
        if not self.pad:
            return tuple(place + self.size - 1 for place in places)
        sides = self.output_size or tuple(self.stride * place for place in places)
        found, _ = self.windows(sides)
        if tuple(found) != tuple(places):
            raise ValueError(
                f"GroupConvTranspose2D.output_size {sides} belongs to {tuple(found)} places, got "
                f"{tuple(places)}."
            )
        return sides


def group_kernel(weight, table, places, size):
    """The kernel [size, size, fibre * m, |G| n] of weights [weights, m, n], a constant gather.

    Its gradient is a gather too, and a sum over the group: no scattering.
    """
    (count, sources, targets), (_, fibre, order) = weight.shape, table.shape

    @tf.custom_gradient
    def gathered(weight):
        flat = tf.reshape(weight, (count, -1))
        if table.max() == count:
            flat = tf.pad(flat, [[0, 1], [0, 0]])

        def gradient(upstream):
            each = tf.gather(upstream, places.reshape(-1))
            each = tf.reshape(each, (count, order, sources, targets))
            return tf.reduce_sum(each, axis=1)

        return tf.gather(flat, table.reshape(-1)), gradient

    kernel = tf.reshape(gathered(weight), (size * size, fibre, order, sources, targets))
    kernel = tf.transpose(kernel, (0, 1, 3, 2, 4))
    return tf.reshape(kernel, (size, size, fibre * sources, order * targets))


def channels_of(group, features):
    """How many channels each element of a group has, of so many features.

    Raises:
      ValueError: if they are not the same number for all.
    """
    if features % group.order:
        raise ValueError(
            f"Features of {group.name} are {group.order} equal groups of channels, got {features} "
            "channels. An image becomes features by GroupConv2D(..., image=True)."
        )
    return features // group.order


def cells_only(h, group):
    """h where its positions are cells, and 0 elsewhere: h itself on the square lattice."""
    if group.lattice != HEXAGONAL or h.shape[1] == 1:
        return h
    return h * tf.constant(hexagon(*h.shape[1:3])[:, :, None], h.dtype)


def check_sides(group, height, width):
    """Raises ValueError for sides that hold no image of the group's lattice."""
    if group.lattice == HEXAGONAL:
        hexagon(height, width)


def _mode(layer, sides, places):
    """How TensorFlow pads, if it does so as `lattice.padding`: "SAME"; else "VALID"."""
    if not layer.pad:
        return "VALID"
    strides = zip(sides, places, strict=True)
    return "SAME" if all(-(-side // layer.stride) == place for side, place in strides) else "VALID"
