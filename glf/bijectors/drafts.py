"""Drafts of slow directions: small networks that guess in one pass where a solver will end."""

import tensorflow as tf

from glf.bijectors.base import Bijector
from glf.core.part import made_by


class Drafted(Bijector):
    """A bijector with a slow direction, which a solver finds, and perhaps a draft of it.

    Attributes:
      draft: a network, image ≈ point + draft(point); None: there is none.
    """

    slow_is_forward = False
    make_draft = draft = None

    def drafted(self, point, condition=None, forward=False):
        """See `Bijector`: Σ (image - point - draft(point))² / 2 of the slow direction."""
        image, loss = super().drafted(point, condition, forward)
        if self.draft is not None:
            ends = (point, image) if forward == self.slow_is_forward else (image, point)
            start, end = (tf.stop_gradient(tf.cast(each, image.dtype)) for each in ends)
            condition = None if condition is None else tf.stop_gradient(condition)
            wrong = tf.square(end - self._guess(start, condition))
            loss = 0.5 * tf.reduce_sum(wrong, axis=range(1, wrong.shape.rank))
        return image, loss

    def _build_draft(self, input_shape, condition_shape):
        """Makes the draft's weights, if a draft is wanted."""
        if self.make_draft is not None:
            where = f"{type(self).__name__}.make_draft"
            units = self.event_shape[-1]
            self.draft = made_by(self.make_draft, where, units=units, dtype=self.dtype)
            self.draft.build(input_shape, condition_shape)

    def _guess(self, point, condition=None):
        return point + tf.cast(self.draft(point, condition), point.dtype)
