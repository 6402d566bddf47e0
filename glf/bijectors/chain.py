"""Bijectors one after the other, and a bijector the other way round."""

import functools
import operator
from collections.abc import Sequence

from glf.bijectors.base import Bijector
from glf.layers.track import track


class Chain(Bijector):
    """The composition of bijectors, listed from the data to the base.

      y = b_1(b_2(... b_n(u)))      log|det dy/du| = Σ_i log|det of b_i at its own input|

    As in `tfb.Chain`: the inverse applies the first one first. All have one dtype, which is the
    chain's; every one is built with the same condition, and for the shape that the one before it
    has on its base's side.

    Args:
      bijectors: at least one bijector.

    Raises:
      ValueError: if the list is empty, holds something else, or mixes dtypes.
    """

    def __init__(self, bijectors: Sequence[Bijector], *, name=None):
        bijectors = list(bijectors)
        for bijector in bijectors:
            if not isinstance(bijector, Bijector):
                raise ValueError(
                    f"A chain consists of bijectors, got {bijector!r}; call factories first, or "
                    "give them to Repeated."
                )
        dtypes = sorted({bijector.compute_dtype for bijector in bijectors})
        if len(dtypes) != 1:
            raise ValueError(
                f"A chain needs at least one bijector and all of one dtype, got "
                f"{len(bijectors)} of dtypes {dtypes}."
            )
        super().__init__(dtype=dtypes[0], name=name)
        self.bijectors = track(self, "bijector", bijectors)

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

    def forward_and_log_det(self, u, condition=None, training=False):
        """Applies the last bijector first."""
        point, condition = self.check(u, condition, base=True)
        log_dets = []
        for bijector in reversed(self.bijectors):
            point, log_det = bijector.forward_and_log_det(point, condition, training)
            log_dets.append(log_det)
        return point, functools.reduce(operator.add, log_dets)

    def inverse_and_log_det(self, y, condition=None, training=False):
        """Applies the first bijector first."""
        point, condition = self.check(y, condition)
        log_dets = []
        for bijector in self.bijectors:
            point, log_det = bijector.inverse_and_log_det(point, condition, training)
            log_dets.append(log_det)
        return point, functools.reduce(operator.add, log_dets)


class Repeated(Chain):
    """A chain of `num` equal blocks, each made afresh by calling every factory once.

    The four blocks of a Generative Latent Flow, coupling and permutation from data to base:

      Repeated([BothHalvesCoupling, RandomPermutation], num=4)

    Args:
      make_layers: factories, each called without arguments for one bijector, from data to base.
      num: number of blocks, at least 1.

    Raises:
      ValueError: if there is no factory or no block.
    """

    def __init__(self, make_layers, num=4, *, name=None):
        make_layers = list(make_layers)
        if not make_layers or num < 1:
            raise ValueError(
                f"Repeated needs at least one factory and num >= 1, got {len(make_layers)} "
                f"factories and num={num}."
            )
        super().__init__([make() for _ in range(num) for make in make_layers], name=name)


class Invert(Bijector):
    """The other way round: forward is the inverse of `bijector`, inverse its forward.

    For maps that are cheap in one direction only. A planar or inverse autoregressive flow to be
    trained by density goes in here, so that its cheap forward is on the path from data to base.
    """

    def __init__(self, bijector: Bijector, *, name=None):
        super().__init__(dtype=bijector.compute_dtype, name=name)
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

    def forward_and_log_det(self, u, condition=None, training=False):
        """The inverse of the bijector inside."""
        return self.bijector.inverse_and_log_det(u, condition, training)

    def inverse_and_log_det(self, y, condition=None, training=False):
        """The forward of the bijector inside."""
        return self.bijector.forward_and_log_det(y, condition, training)
