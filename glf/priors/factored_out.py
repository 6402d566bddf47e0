"""Half of the channels leaves a flow early, under a prior of its own."""

import tensorflow as tf

from glf.core import random
from glf.core.part import made_by
from glf.layers.context import context_features, flat, grouped, with_context_in_groups
from glf.priors.base import Prior
from glf.priors.standard import StandardNormal


class FactoredOut(Prior):
    """The end of one scale of a multi-scale flow (Dinh et al. 2016, "RealNVP", section 3.6).

    Of an image z [height, width, channels] the last floor(channels / 2) channels go out, the
    others stay:

      log p(z | context) = log p_part(z_out | z_stay, context) + log p_rest(z_stay | context)

    The prior of the part sees z_stay, and behind its channels those of the context, as a condition
    [batch, height, width, features]: one that ignores its condition is RealNVP's, a
    `ConditionalGaussian` Glow's, a `ChannelAutoregressive` that of mAR-SCF. The rest may be a flow
    whose base is factored out again.

    Args:
      make_part: factory of the prior of what goes out, called without arguments.
      make_rest: factory of the prior of what stays, called without arguments.
      groups: the channels are so many equal groups one after the other, and half of each goes out:
        4 for features of the group p4, see `glf.layers.plane_groups`, so that what goes out and
        what stays are such features again. Behind each group the prior of the part sees the
        channels of the context.

    Raises:
      ValueError: if the two have different dtypes; in `build`, for events that are no images, or
        have one channel only in a group, or no equal groups.
    """

    def __init__(self, make_part=StandardNormal, make_rest=StandardNormal, groups=1):
        if groups < 1:
            raise ValueError(f"FactoredOut.groups must be at least 1, got {groups}.")
        part = made_by(make_part, "FactoredOut.make_part")
        rest = made_by(make_rest, "FactoredOut.make_rest")
        if part.compute_dtype != rest.compute_dtype:
            raise ValueError(
                "What goes out and what stays need one dtype, got "
                f"{part.compute_dtype} and {rest.compute_dtype}."
            )
        super().__init__(dtype=part.compute_dtype)
        self.part, self.rest, self.groups = part, rest, groups

    def build(self, input_shape, condition_shape=None):
        """Builds both priors."""
        super().build(input_shape, condition_shape)
        groups = self.groups
        image = len(self.event_shape) == 3
        if not image or self.event_shape[2] < 2 * groups or self.event_shape[2] % groups:
            raise ValueError(
                "FactoredOut needs images [batch, height, width, channels] of at least 2 channels "
                f"in each of {groups} equal groups, got {tuple(input_shape)}; squeeze them first."
            )
        height, width, channels = self.event_shape
        each = channels // groups
        self.sizes = (each - each // 2, each // 2)
        stay, out = (groups * size for size in self.sizes)
        seen = stay + groups * context_features(condition_shape)
        self.part.build((None, height, width, out), (None, height, width, seen))
        self.rest.build((None, height, width, stay), condition_shape)

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z | context), shape [batch], in nats."""
        stay, out = self._split(z)
        seen = self._seen(stay, condition)
        return self.part.log_prob(out, seen, training) + self.rest.log_prob(
            stay, condition, training
        )

    def drafted(self, z, condition=None):
        """See `Prior`: of both priors."""
        stay, out = self._split(z)
        part = self.part.drafted(out, self._seen(stay, condition))
        return part + self.rest.drafted(stay, condition)

    @property
    def reparameterization_type(self):
        """Reparameterised if both priors are."""
        from tensorflow_probability import distributions as tfd  # slow to import

        both = {self.part.reparameterization_type, self.rest.reparameterization_type}
        fully = both == {tfd.FULLY_REPARAMETERIZED}
        return tfd.FULLY_REPARAMETERIZED if fully else tfd.NOT_REPARAMETERIZED

    def _sample(self, num, seed, temperature, condition):
        """Draws what stays, then what goes out: [num, height, width, channels]."""
        stay = self.rest._sample(num, random.fold(seed, "stay"), temperature, condition)
        seen = self._seen(stay, condition)
        out = self.part._sample(num, random.fold(seed, "out"), temperature, seen)
        return self._joined(stay, out)

    def round_trip(self, z, condition=None):
        """The round trips of what stays and of what goes out, which is given the former."""
        stay, out = self._split(z)
        seen = self._seen(stay, condition)
        stay = self.rest.round_trip(stay, condition)
        return self._joined(stay, self.part.round_trip(out, seen))

    def _split(self, z):
        """What stays, and what goes out."""
        z = tf.cast(z, self.compute_dtype)
        if self.groups == 1:
            return tf.split(z, self.sizes, axis=-1)
        return [flat(part) for part in tf.split(grouped(z, self.groups), self.sizes, axis=-1)]

    def _seen(self, stay, condition):
        """What the prior of the part is conditioned on."""
        return with_context_in_groups(stay, condition, self.groups)

    def _joined(self, stay, out):
        """The image again."""
        if self.groups == 1:
            return tf.concat([stay, out], axis=-1)
        return flat(tf.concat([grouped(stay, self.groups), grouped(out, self.groups)], axis=-1))
