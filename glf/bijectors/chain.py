"""Bijectors one after the other, and a bijector the other way round."""

import functools
import operator

import tensorflow as tf

from glf.bijectors.base import Bijector
from glf.core.part import made_by
from glf.core.rematerialise import Rematerialises, rematerialised
from glf.layers.track import track


class Chain(Bijector, Rematerialises):
    """The composition of bijectors, listed from the data to the base.

      y = b_1(b_2(... b_n(u)))      log|det dy/du| = Σ_i log|det of b_i at its own input|

    As in `tfb.Chain`: the inverse applies the first one first. All have one dtype, which is the
    chain's; every one is built with the same condition, and for the shape that the one before it
    has on its base's side. The four blocks of a Generative Latent Flow, each of a coupling and a
    permutation:

      Chain([BothHalvesCoupling, RandomPermutation], repeats=4)

    Args:
      make_bijectors: list of factories, each called without arguments for every bijector.
      repeats: how often the list is gone through, at least 1.

    Raises:
      ValueError: if there is no list of factories, if they make something else, or mix dtypes.
    """

    def __init__(self, make_bijectors, repeats=1):
        if not isinstance(make_bijectors, list | tuple) or not make_bijectors or repeats < 1:
            raise ValueError(
                "Chain needs a list of at least one factory and repeats >= 1, got "
                f"{make_bijectors!r} and repeats={repeats}."
            )
        makers = [make for _ in range(repeats) for make in make_bijectors]
        bijectors = [_bijector(make, "Chain.make_bijectors") for make in makers]
        dtypes = sorted({bijector.compute_dtype for bijector in bijectors})
        if len(dtypes) != 1:
            raise ValueError(f"Chain needs bijectors of one dtype, got {dtypes}.")
        super().__init__(dtype=dtypes[0])
        self.bijectors, self._period = track(self, "bijector", bijectors), len(make_bijectors)

    def build(self, input_shape, condition_shape=None):
        """Builds every bijector, from the data to the base."""
        super().build(input_shape, condition_shape)
        shape = self.event_shape
        for bijector in self.bijectors:
            bijector.build((None, *shape), condition_shape)
            shape = bijector.base_shape

    @property
    def base_shape(self):
        """The last bijector's."""
        return self.bijectors[-1].base_shape

    def _forward(self, u, condition, training):
        """Applies the last bijector first."""
        steps = [bijector.forward_and_log_det for bijector in reversed(self.bijectors)]
        return self._through(steps, u, condition, training)

    def _inverse(self, y, condition, training):
        """Applies the first bijector first."""
        steps = [bijector.inverse_and_log_det for bijector in self.bijectors]
        return self._through(steps, y, condition, training)

    def _through(self, steps, point, condition, training):
        """All steps; where they are rematerialised each time that the list is gone through."""
        if not (self.rematerialise and training):
            return _one_after_the_other(steps, point, condition, training)
        total, given = tf.zeros(tf.shape(point)[:1], point.dtype), ()
        given = () if condition is None else (condition,)
        for start in range(0, len(steps), self._period):
            block = functools.partial(_block, steps[start : start + self._period], training)
            point, total = rematerialised(block, training, point, total, *given)
        return point, total

    def drafted(self, point, condition=None, forward=False):
        """See `Bijector`: the sum over all bijectors."""
        losses = []
        for bijector in reversed(self.bijectors) if forward else self.bijectors:
            point, loss = bijector.drafted(point, condition, forward)
            losses.append(loss)
        return point, tf.add_n(losses)


def _block(steps, training, point, total, condition=None):
    return _one_after_the_other(steps, point, condition, training, [total])


def _one_after_the_other(steps, point, condition, training, before=()):
    log_dets = list(before)
    for step in steps:
        point, log_det = step(point, condition, training)
        log_dets.append(log_det)
    return point, functools.reduce(operator.add, log_dets)


def _bijector(make, where):
    bijector = made_by(make, where)
    if not isinstance(bijector, Bijector):
        raise ValueError(f"{where} makes bijectors, got {bijector!r} of {make!r}.")
    return bijector


class Invert(Bijector):
    """The other way round: forward is the inverse of what is made, inverse its forward.

    For maps that are cheap in one direction only. A planar or inverse autoregressive flow to be
    trained by density goes in here, so that its cheap forward is on the path from data to base.

    Args:
      make_bijector: factory of the bijector, called without arguments; its dtype is this one's.
    """

    def __init__(self, make_bijector):
        bijector = _bijector(make_bijector, "Invert.make_bijector")
        super().__init__(dtype=bijector.compute_dtype)
        self.bijector = bijector

    def build(self, input_shape, condition_shape=None):
        """Builds the bijector inside.

        Raises:
          ValueError: if it rearranges: its shape on the base's side is another.
        """
        super().build(input_shape, condition_shape)
        self.bijector.build(input_shape, condition_shape)
        if self.bijector.base_shape != self.event_shape:
            raise ValueError(
                f"Invert takes bijectors that keep the shape of a point; "
                f"{type(self.bijector).__name__} makes {self.bijector.base_shape} of "
                f"{self.event_shape}."
            )

    def _forward(self, u, condition, training):
        """The inverse of the bijector inside."""
        return self.bijector.inverse_and_log_det(u, condition, training)

    def _inverse(self, y, condition, training):
        """The forward of the bijector inside."""
        return self.bijector.forward_and_log_det(y, condition, training)

    def drafted(self, point, condition=None, forward=False):
        """See `Bijector`."""
        return self.bijector.drafted(point, condition, not forward)
