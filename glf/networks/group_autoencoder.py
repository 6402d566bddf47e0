"""Autoencoders that turn with the image: networks of group convolutions."""

import keras
import tensorflow as tf

from glf.layers.group_conv import GroupConv2D, GroupConvTranspose2D
from glf.layers.group_norm import GroupBatchNorm
from glf.layers.hexagonal import ToHexagonal, ToSquare, radius_for
from glf.layers.lattice import HEXAGONAL, halved, halving_size
from glf.layers.plane_groups import filters_for, plane_group
from glf.networks.autoencoder import Autoencoder, vectors


class GroupAutoencoder(Autoencoder):
    """Images to codes that turn with them, and codes to images: for images without an up.

    A code of d latents is first the `invariant` ones, the same for an image and all its rotations
    (and reflections, of p4m and p6m), then an equal number for each element of the group, element
    by element, which a rotation permutes as it permutes group features:

      encoder(L_t y) = L_t encoder(y),   decoder(L_t z) = L_t decoder(z).

    From invariant latents alone a decoder of this kind draws only images that are their own
    rotations: which way an image lies is said by the others, of which there has to be one for each
    element at least.

    Encoder: strided group convolutions with `filters`, 2 `filters`, ... channels, one of a kernel
    as large as what is left, of `hidden` channels, and a linear layer to z; ReLU after all but the
    last; batch normalisation, shared over the group, after all but the first and the last. Decoder:
    its mirror, of transposed convolutions. They are the networks of `InfoGAN` with group
    convolutions in the place of others, with kernels of size 4 on even sides and 3 on odd ones, see
    `glf.layers.lattice`. Weights start as normal with variance 2 / fan-in.

    On the hexagonal lattice the image is resampled by `ToHexagonal`, what is decoded by `ToSquare`,
    with a hexagon that covers all of the image.

    Networks of all groups of a lattice have as many weights, up to rounding: `filters` and `hidden`
    are those of the ordinary network, "z2", and divided by the square root of the group's order for
    each of its elements. A convolution then costs the group's order times as much arithmetic.

    Args:
      image_shape: (height, width, channels); on the square lattice both sides even or both odd, and
        again whenever they are halved.
      latent_size: the number of latents, d.
      encoded: how many numbers the encoder gives, a multiple of d; None: d.
      decoded: how many numbers the decoder takes, d or more; those behind the latents, of labels,
        are invariant. None: d.
      outputs: how many numbers the decoder gives for each pixel; None: one for each channel.
      group: one of `plane_groups.GROUP_NAMES`.
      invariant: how many of the latents are invariant.
      filters: channels after the first convolution, of "z2".
      hidden: units of the dense layer, of "z2".
      num_downsamples: the number of strided convolutions.

    Raises:
      ValueError: if a size is not positive, if what is left of the latents is no multiple of the
        group's order or nothing, or for sides that cannot be halved.
    """

    def __init__(
        self,
        image_shape,
        latent_size,
        *,
        encoded=None,
        decoded=None,
        outputs=None,
        group="p4",
        invariant=0,
        filters=64,
        hidden=1024,
        num_downsamples=2,
        dtype=None,
    ):
        counts = {"filters": filters, "hidden": hidden, "num_downsamples": num_downsamples}
        super().__init__(
            image_shape, outputs=outputs, dtype=dtype, latent_size=latent_size, **counts
        )
        self.group = plane_group(group)
        self.hidden = filters_for(self.group, hidden)
        widths = [filters * 2**level for level in range(num_downsamples)]
        self.channels = [filters_for(self.group, width) for width in widths]
        (given,), (taken,) = vectors(latent_size, encoded, decoded)
        self.layout = code_layout(self.group, latent_size, invariant)
        if given % latent_size or taken < latent_size:
            raise ValueError(
                f"GroupAutoencoder gives numbers for {latent_size} latents, a multiple of them, "
                f"and takes {latent_size} or more; got encoded={given}, decoded={taken}."
            )
        self.sizes = self._sizes()
        self.make((given,), (taken,))

    def encoder_layers(self):
        """Strided group convolutions, then one over all that is left, then a linear layer."""
        layers = [ToHexagonal("image", dtype=self.dtype_policy)] if self._hexagonal else []
        for level, channels in enumerate(self.channels):
            first, size = level == 0, halving_size(*self.sizes[level])
            layers.append(self._convolution(channels, size, stride=2, image=first, use_bias=first))
            layers += [self._relu()] if first else self._normalised_relu()
        layers.append(_Framed(dtype=self.dtype_policy))
        layers.append(self._convolution(self.hidden, self._side, pad=False, use_bias=False))
        repeats = self.code_shape[0] // sum(self.layout)
        code = _Code(self.group, self.layout, repeats, dtype=self.dtype_policy)
        return [*layers, *self._normalised_relu(), code]

    def decoder_layers(self):
        """A linear layer, one to all of the smallest map, then transposed convolutions."""
        policy, name = self.dtype_policy, self.group.name
        layers = [_Uncode(self.group, self.layout, dtype=policy)]
        layers += [self._convolution(self.hidden, 1, use_bias=False), *self._normalised_relu()]
        whole = {"pad": False, "use_bias": False, "dtype": policy}
        layers.append(GroupConvTranspose2D(self.channels[-1], name, self._side, **whole))
        layers += [_Cropped(self.sizes[-1], dtype=policy), *self._normalised_relu()]
        channels = [self.outputs, *self.channels[:-1]]
        for level in reversed(range(len(channels))):
            last, sides = level == 0, self.sizes[level]
            options = {"output_size": sides, "image": last, "use_bias": last, "dtype": policy}
            size = halving_size(*sides)
            layers.append(GroupConvTranspose2D(channels[level], name, size, stride=2, **options))
            layers += [] if last else self._normalised_relu()
        return (
            [*layers, ToSquare(self.image_shape[:2], dtype=policy)] if self._hexagonal else layers
        )

    @property
    def _hexagonal(self):
        return self.group.lattice == HEXAGONAL

    @property
    def _side(self):
        """The side of the kernel that spans the smallest map."""
        return max(self.sizes[-1])

    def _sizes(self):
        """The sides that the encoder goes through, [(height, width), ...]."""
        sides = self.image_shape[:2]
        if self._hexagonal:
            sides = (2 * radius_for(*sides, "image") + 1,) * 2
        sizes = [tuple(sides)]
        for _ in self.channels:
            halving_size(*sizes[-1])
            sizes.append(tuple(halved(side) for side in sizes[-1]))
        halving_size(*sizes[-1])
        return sizes

    def _convolution(self, filters, size, **options):
        return GroupConv2D(filters, self.group.name, size, dtype=self.dtype_policy, **options)

    def _relu(self):
        return keras.layers.ReLU(dtype=self.dtype_policy)

    def _normalised_relu(self):
        return [GroupBatchNorm(self.group.name, dtype=self.dtype_policy), self._relu()]


def code_layout(group, latent_size, invariant):
    """(invariant latents, latents that the group permutes) of a code of `latent_size`.

    Raises:
      ValueError: if the latter are none, or not equally many for each element.
    """
    turning = latent_size - invariant
    if invariant < 0 or turning < 1 or turning % group.order:
        raise ValueError(
            f"Of {latent_size} latents all but the invariant ones are an equal number for each of "
            f"the {group.order} elements of {group.name}, one at least; got invariant={invariant}, "
            f"which leaves {turning}. From invariant latents alone nothing is drawn but images "
            "that are their own rotations."
        )
    return invariant, turning


class _Code(keras.layers.Layer):
    """[batch, 1, 1, |G| C] to [batch, n (invariant + turning)], linear; n numbers for a latent.

    All first numbers stand before all second ones.
    """

    def __init__(self, group, layout, repeats, *, dtype):
        super().__init__(dtype=dtype)
        self.group, (self.invariant, self.turning), self.repeats = group, layout, repeats
        filters = repeats * self.turning // group.order
        self.turn = GroupConv2D(filters, group.name, 1, dtype=self.dtype_policy)
        self.keep = None
        if self.invariant:
            self.keep = keras.layers.Dense(repeats * self.invariant, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.turn.build(input_shape)
        if self.keep is not None:
            self.keep.build((None, input_shape[-1] // self.group.order))

    def call(self, h):
        order, each = self.group.order, self.turning // self.group.order
        parts = tf.reshape(self.turn(h), (-1, order, self.repeats, each))
        code = tf.reshape(tf.transpose(parts, (0, 2, 1, 3)), (-1, self.repeats, self.turning))
        if self.keep is not None:
            mean = tf.reduce_mean(tf.reshape(h, (-1, order, h.shape[-1] // order)), axis=1)
            kept = tf.reshape(self.keep(mean), (-1, self.repeats, self.invariant))
            code = tf.concat([kept, code], axis=2)
        return tf.reshape(code, (-1, self.repeats * (self.invariant + self.turning)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.repeats * (self.invariant + self.turning))


class _Uncode(keras.layers.Layer):
    """[batch, invariant + turning + others] to group features [batch, 1, 1, |G| C].

    Every element is given its own latents, all invariant ones, and whatever stands behind them.
    """

    def __init__(self, group, layout, *, dtype):
        super().__init__(dtype=dtype)
        self.group, (self.invariant, self.turning) = group, layout

    def call(self, z):
        order = self.group.order
        others = z.shape[-1] - self.invariant - self.turning
        kept, turning, labels = tf.split(z, [self.invariant, self.turning, others], axis=1)
        turning = tf.reshape(turning, (-1, order, self.turning // order))
        same = tf.repeat(tf.concat([kept, labels], axis=1)[:, None], order, axis=1)
        h = tf.concat([turning, same], axis=2)
        return tf.reshape(h, (-1, 1, 1, order * h.shape[2]))

    def compute_output_shape(self, input_shape):
        each = self.turning // self.group.order + input_shape[-1] - self.turning
        return (input_shape[0], 1, 1, self.group.order * each)


class _Framed(keras.layers.Layer):
    """Maps with as many zeros on both ends of the shorter side as make them square."""

    def call(self, h):
        side = max(h.shape[1:3])
        pads = [[(side - length) // 2] * 2 for length in h.shape[1:3]]
        return tf.pad(h, [[0, 0], *pads, [0, 0]])

    def compute_output_shape(self, input_shape):
        side = max(input_shape[1:3])
        return (input_shape[0], side, side, input_shape[-1])


class _Cropped(keras.layers.Layer):
    """The middle of maps, of these sides."""

    def __init__(self, sides, *, dtype):
        super().__init__(dtype=dtype)
        self.sides = sides

    def call(self, h):
        rows, columns = (
            (there - here) // 2 for there, here in zip(h.shape[1:3], self.sides, strict=True)
        )
        return h[:, rows : rows + self.sides[0], columns : columns + self.sides[1]]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.sides, input_shape[-1])
