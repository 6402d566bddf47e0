"""Integer discrete flows: the exact likelihood of images as the integers they are."""

import tensorflow as tf

from glf.core import random
from glf.core.checks import is_integer
from glf.core.mode import Training
from glf.core.part import made_by
from glf.integer_flows.multi_scale import IntegerMultiScale
from glf.models.abilities import HasDensity, HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_any_integers


class IntegerFlow(GenerativeModel, HasDensity, HasRoundTrip):
    """P(x) = P(z) of integers z = f(x - offset), f a bijection of integers.

    Hoogeboom, Peters, van den Berg, Welling 2019, "Integer Discrete Flows and Lossless
    Compression", arXiv 1905.07376. Nothing is dequantized: the likelihood is exact, in nats of the
    integers, and the way back gives the same integers again, so that x can be compressed by z. The
    loss is -log P(x). The density is of all integers: what it gives to those that no image has is
    lost to the likelihood, and a sample that has one is set to the nearest level and counted
    (`Drawn.outside`).

    Networks see integers over the unit, the smallest power of two that is at least half of the
    levels.

    Args:
      spec: the data's `DataSpec`.
      make_density: makes the density of integers, an `IntegerMultiScale`; called with `unit=`.
      make_condition_encoder: makes the `ConditionEncoder`, called with the spec; None: the model
        takes no condition.
      offset: subtracted from the data before all else; None: levels // 2. With 0, a dark background
        is what convolutions pad with.

    Attributes:
      density: the `IntegerMultiScale`, of x - offset.
      offset: an integer.
      unit: a power of two.

    Raises:
      ValueError: for an offset that is no level of the data.
    """

    round_trip_of = "images"

    def __init__(
        self,
        spec,
        *,
        make_density=IntegerMultiScale,
        make_condition_encoder=None,
        offset=None,
    ):
        super().__init__(spec)
        offset = spec.levels // 2 if offset is None else offset
        if not is_integer(offset, 0) or offset >= spec.levels:
            raise ValueError(
                f"IntegerFlow.offset is a level of the data, from 0 to {spec.levels - 1}, got "
                f"{offset!r}."
            )
        self.offset = offset
        self.unit = 1 << max(0, (spec.levels - 1) // 2).bit_length()
        context = self._take_condition(make_condition_encoder, spec)
        self.density = made_by(make_density, "IntegerFlow.make_density", unit=self.unit)
        self.density.build((None, *spec.shape), context)
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"}, each [batch] in nats. `seed` drives the networks' dropout."""
        mode = Training(random.fold(seed, "dropout")) if training else False
        log_prob = self.density.log_prob(self._integers(x), self._context(condition), mode)
        return {"loss": -log_prob, "nll": -log_prob}

    def parameter_groups(self):
        """ "flow": everything, the condition encoder as well."""
        return {"flow": self.trainable_weights}

    def _draw(self, num, seed, temperature, condition):
        """Draws each part given what stays; `temperature` multiplies the noise, at 0 of none."""
        z = self.density.sample(num, seed, temperature, self._context(condition))
        return drawn_any_integers(z + self.offset, self.spec.levels)

    def _round_trip(self, x, seed, condition):
        """x, and the same of its parts."""
        context = self._context(condition)
        after = self.density.joined(self.density.parts(self._integers(x), context), context)
        return tf.cast(x, tf.float32), after + self.offset

    def _integers(self, x):
        return tf.cast(x, tf.float32) - self.offset
