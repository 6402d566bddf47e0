"""Coupling layers for images: a part of an image is moved by a map that the rest chooses."""

import tensorflow as tf

from glf.bijectors.base import ImageBijector
from glf.bijectors.elementwise import AffineMap, learn_shared, with_shared
from glf.bijectors.masks import MASKS
from glf.core.part import made_by
from glf.networks.glow_conditioner import GlowConditioner


class ImageCoupling(ImageBijector):
    """Moves one part of an image by a map whose parameters come from the other part.

      inverse, with y = (y_a, y_b):   u_a = y_a   u_b = f(y_b; θ(y_a))   log|det| = Σ log f'
      forward:                        y_a = u_a   y_b = f⁻¹(u_b; θ(u_a))

    The map f goes from data to base (Dinh, Sohl-Dickstein, Bengio 2016, "RealNVP", sections 3.2
    to 3.4). The network θ is a convolutional one, evaluated once per pass.

    Masks, see `glf.bijectors.masks`: "channel" moves half of the channels, "checkerboard" half of
    the positions, at any height and width; "packed_checkerboard" the same, with a network that
    works on half of the width; "packed_columns" every other column, in the same way; "p4" half of
    the channels of every element of features of the group p4. `flip` moves the other half.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      mask: "channel", "checkerboard", "packed_checkerboard", "packed_columns" or "p4".
      flip: whether to move the other half.
      make_conditioner: factory of the network θ, called with `units=` and `dtype=`.

    Raises:
      ValueError: for another mask; in `build`, for an image whose one half would be empty.
    """

    def __init__(
        self,
        make_map=AffineMap,
        mask="channel",
        flip=False,
        make_conditioner=GlowConditioner,
        *,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        if mask not in MASKS:
            raise ValueError(f"A coupling's mask is one of {sorted(MASKS)}, got {mask!r}.")
        self.elementwise = made_by(make_map, "ImageCoupling.make_map")
        self.mask_name = mask
        self.flip = flip
        self.make_conditioner = make_conditioner

    def build(self, input_shape, condition_shape=None):
        """Makes the network."""
        super().build(input_shape, condition_shape)
        self.mask = MASKS[self.mask_name](self.event_shape, self.flip)
        self.numbers = sum(self.elementwise.groups)
        units = self.mask.moved_channels * self.numbers
        where = "ImageCoupling.make_conditioner"
        self.network = made_by(self.make_conditioner, where, units=units, dtype=self.dtype)
        context_shape = self.mask.context_shape(self.condition_shape)
        self.network.build((None, *self.mask.seen_shape), context_shape)
        self.shared = learn_shared(self, self.elementwise)

    def _apply(self, function, point, condition, training):
        fixed, moved = self.mask.split(point)
        seen, context = self.mask.seen(point, fixed), self.mask.context(condition)
        raw = tf.cast(self.network(seen, context, training=training), point.dtype)
        raw = self.mask.of_moved(raw)
        raw = tf.reshape(raw, (-1, *moved.shape[1:], self.numbers))
        moved, log_derivative = function(moved, with_shared(raw, self.shared))
        return self.mask.join(fixed, moved), self.mask.total(log_derivative)

    def _forward(self, u, condition, training):
        """The moved part through f⁻¹."""
        return self._apply(self.elementwise.undo, u, condition, training)

    def _inverse(self, y, condition, training):
        """The moved part through f."""
        return self._apply(self.elementwise.apply, y, condition, training)
