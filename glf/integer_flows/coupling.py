"""Additive integer couplings: some channels are moved by a rounded translation of the others."""

import tensorflow as tf

from glf.core.part import made_by
from glf.integer_flows.base import LARGEST_TRANSLATION, IntegerMap, rounded, translation
from glf.networks.dense_net_conditioner import DenseNetConditioner


class IntegerCoupling(IntegerMap):
    """Moves the last channels by integers that the first ones choose; these stay as they are.

      inverse:  u_a = x_a    u_b = x_b + round(unit t(x_a / unit))
      forward:  x_a = u_a    x_b = u_b - round(unit t(u_a / unit))

    (Hoogeboom, Peters, van den Berg, Welling 2019, arXiv 1905.07376, equations 5 and 6.) The
    rounding has the gradient of its argument. Translations are limited to ±2^16.

    Args:
      moved: the share of channels that are moved, in (0, 1): 0.25 of the paper, or 0.5; at least
        one channel moves and at least one stays.
      make_conditioner: factory of the network t, called with `units=` and `dtype=`.
      unit: see `IntegerMap`.

    Attributes:
      kept, moved_channels: how many channels stay, and move.
      network: t, of [batch, h, w, kept] (and a context) to [batch, h, w, moved].

    Raises:
      ValueError: for another share; in `build`, for images of one channel.
    """

    roundings = 1

    def __init__(self, moved=0.25, make_conditioner=DenseNetConditioner, *, unit=1):
        super().__init__(unit=unit)
        if not 0 < moved < 1:
            raise ValueError(f"{type(self).__name__}.moved lies between 0 and 1, got {moved}.")
        self.moved, self.make_conditioner = moved, make_conditioner

    def build(self, input_shape, condition_shape=None):
        """Makes the network."""
        super().build(input_shape, condition_shape)
        height, width, channels = self.event_shape
        if channels < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 channels, got {channels}; squeeze first."
            )
        self.moved_channels = max(1, min(channels - 1, round(channels * self.moved)))
        self.kept = channels - self.moved_channels
        where = f"{type(self).__name__}.make_conditioner"
        units = self._units()
        self.network = made_by(self.make_conditioner, where, units=units, dtype="float32")
        self.network.build((None, height, width, self.kept), condition_shape)

    def translation(self, kept, condition=None, training=False):
        """round(unit t(kept / unit)), integers [batch, h, w, moved], of integers."""
        t = self.network(kept / self.unit, condition, training=training)
        return translation(t, self.unit)

    def _units(self):
        return self.moved_channels

    def _split(self, point):
        return tf.split(point, [self.kept, self.moved_channels], -1)

    def _forward(self, u, condition, training):
        kept, moved = self._split(u)
        return tf.concat([kept, moved - self.translation(kept, condition, training)], -1)

    def _inverse(self, x, condition, training):
        kept, moved = self._split(x)
        return tf.concat([kept, moved + self.translation(kept, condition, training)], -1)


class TriangularIntegerCoupling(IntegerCoupling):
    """A coupling whose moved channels see those moved before them, with one rounding as well.

      inverse:  u_a = x_a    u_b = x_b + round(unit t(x_a / unit) + L(x_a / unit) x_b)

    with t and the strictly lower triangular matrix L, at each position, of one network: the lower
    triangular coupling of the same paper (appendix B). Forward is by substitution, one channel
    after the other. Arguments and errors as of `IntegerCoupling`; the network is called for
    units = m + m (m - 1) / 2 of m moved channels.
    """

    def _units(self):
        moved = self.moved_channels
        return moved + moved * (moved - 1) // 2

    def _apply(self, point, condition, training, forward):
        kept, moved = self._split(point)
        numbers = self.network(kept / self.unit, condition, training=training)
        m = self.moved_channels
        moved, result = tf.split(moved, m, -1), []
        for c in range(m):
            total = self.unit * numbers[..., c, None]
            data = result if forward else moved  # x_b, as far as it is known
            first = m + c * (c - 1) // 2
            for d in range(c):
                total += numbers[..., first + d, None] * data[d]
            step = rounded(tf.clip_by_value(total, -LARGEST_TRANSLATION, LARGEST_TRANSLATION))
            result.append(moved[c] - step if forward else moved[c] + step)
        return tf.concat([kept, *result], -1)

    def _forward(self, u, condition, training):
        return self._apply(u, condition, training, forward=True)

    def _inverse(self, x, condition, training):
        return self._apply(x, condition, training, forward=False)
