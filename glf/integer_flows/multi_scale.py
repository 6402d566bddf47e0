"""Integer flows of several scales: squeeze, transform, factor out, again."""

from typing import NamedTuple

import keras
import tensorflow as tf

from glf.core import random
from glf.core.checks import check_at_least
from glf.core.part import Part, made_by
from glf.core.shapes import known_event
from glf.integer_flows.base import MAX_ROUNDINGS, IntegerMap, integer_map
from glf.integer_flows.chain import IntegerChain
from glf.integer_flows.parting import ChannelParting, EdgeParting, Parting
from glf.integer_flows.prior import IntegerPrior
from glf.integer_flows.squeeze import IntegerSqueeze
from glf.layers.track import track


class Transformed(NamedTuple):
    """A stage of `IntegerMultiScale`: all that is left goes through a map."""

    map: IntegerMap


class FactoredOutEarly(NamedTuple):
    """A stage of `IntegerMultiScale`: a part goes out, the rest goes on.

    Attributes:
      parting: what goes out, what stays, and what of that the prior is shown.
      prior: p(out | seen).
    """

    parting: Parting
    prior: IntegerPrior


class IntegerMultiScale(Part, keras.layers.Layer):
    """P(x) of images of integers, by a flow that factors out (arXiv 1905.07376, section 3.3).

    From the data on, at each of the levels: an odd last row and then an odd last column go out (no
    image is padded, and none refused); the rest is squeezed (`IntegerSqueeze`); a map transforms
    it; at every level but the last ⌊c/2⌋ of the channels go out. What goes out is judged by a prior
    that is shown what stays, what is left at the end by one of its own:

      log P(x) = Σ_parts log p(z_out | z_stay) + log p_last(z)

    It is exact: nothing is dequantized, and integer maps have no determinant.

    How to walk it: `stages`, from the data to the base, holds every `Transformed` (.map) and
    `FactoredOutEarly` (.parting, .prior), and `last` the prior of what is left:

      for stage in density.stages:                        # encoding; z = x at first
          if isinstance(stage, Transformed):
              z = stage.map.inverse(z)
          else:
              z, out = stage.parting.part(z)
              seen = stage.parting.seen(z)                # and stage.prior.parameters(seen)

    Decoding goes through `reversed(stages)`: `z = stage.parting.join(z, out)`, with `out` decoded
    by `stage.prior.parameters(stage.parting.seen(z))`, and `z = stage.map.forward(z)`. A map is an
    `IntegerSqueeze` (.factors), or what `make_level` makes: an `IntegerChain` (.maps) of `Permuted`
    (.permutation.permutation, .map, .back), `ChannelPermutation` (.permutation) and
    `IntegerCoupling` (.kept, .moved_channels, .network, .translation). A network's `plain_layers()`
    is the list of its convolutions, see `glf.networks.plain`. Inputs of networks are integers over
    `unit`; of translations, `unit` times what they give is rounded.

    Args:
      levels: how many scales, at least 1.
      make_level: factory of the map of a level, called with `unit=`.
      make_part: factory of the prior of each part that goes out, called with `unit=`.
      make_last: factory of the prior of what is left.
      unit: see `IntegerMap`; given by code.

    Raises:
      ValueError: for no level; in `build`, if an image cannot be halved that often, or if so many
        couplings follow each other that integers could leave what float32 holds.
    """

    given_by_code = ("unit",)

    def __init__(
        self,
        levels=3,
        make_level=IntegerChain,
        make_part=IntegerPrior,
        make_last=IntegerPrior,
        *,
        unit=1,
    ):
        super().__init__(dtype="float32")
        check_at_least("IntegerMultiScale.levels", levels, 1)
        self.levels, self.unit = levels, unit
        self.make_level, self.make_part = make_level, make_part
        self.last = made_by(make_last, "IntegerMultiScale.make_last", unit=unit)
        self.event_shape = None

    def build(self, input_shape, condition_shape=None):
        """Makes all stages for images [None, h, w, c] and contexts."""
        shape = self.event_shape = known_event(self, input_shape)
        stages = []
        for level in range(self.levels):
            for axis in (0, 1):
                if shape[axis] > 1 and shape[axis] % 2:
                    shape = self._part(stages, EdgeParting(shape, axis), condition_shape)
            shape = self._transform(stages, IntegerSqueeze(unit=self.unit), shape, condition_shape)
            made = integer_map(self.make_level, "IntegerMultiScale.make_level", self.unit)
            shape = self._transform(stages, made, shape, condition_shape)
            if level < self.levels - 1:
                shape = self._part(stages, ChannelParting(shape), condition_shape)
        self.last.build((None, *shape), None, condition_shape)
        self.stages = stages
        track(self, "stage", [s.map if isinstance(s, Transformed) else s.prior for s in stages])
        roundings = sum(s.map.roundings for s in stages if isinstance(s, Transformed))
        if roundings > MAX_ROUNDINGS:
            raise ValueError(
                f"At most {MAX_ROUNDINGS} couplings may follow each other, so that integers stay "
                f"where float32 holds them exactly; got {roundings}. Take fewer, or fewer levels."
            )

    def parts(self, x, condition=None):
        """x as the list of its parts, in the order of `stages`, then what is left; float32."""
        return [out for _, out, _ in self._through(x, condition, False)]

    def joined(self, parts, condition=None):
        """The x [batch, h, w, c] that has these `parts`."""
        *outs, z = parts
        for stage in reversed(self.stages):
            if isinstance(stage, Transformed):
                z = stage.map.forward(z, condition)
            else:
                z = stage.parting.join(z, outs.pop())
        return z

    def log_prob(self, x, condition=None, training=False):
        """log P(x) in nats, [batch], of integers [batch, h, w, c]."""
        terms = [
            prior.log_prob(out, seen, condition, training)
            for prior, out, seen in self._through(x, condition, training)
        ]
        return tf.add_n(terms)

    def sample(self, num, seed, temperature=1.0, condition=None):
        """x [num, h, w, c], integers in float32, of any size; noise is scaled by `temperature`."""
        z = self.last.sample(num, random.fold(seed, "last"), temperature, None, condition)
        for i, stage in reversed(list(enumerate(self.stages))):
            if isinstance(stage, Transformed):
                z = stage.map.forward(z, condition)
                continue
            seen, part_seed = stage.parting.seen(z), random.fold(seed, "part", i)
            out = stage.prior.sample(num, part_seed, temperature, seen, condition)
            z = stage.parting.join(z, out)
        return z

    def call(self, x, condition=None, training=False):
        """Keras' own way in: `log_prob`."""
        return self.log_prob(x, condition, training)

    def _through(self, x, condition, training):
        """(prior, part, what it is shown) of every part, to the last."""
        z = tf.cast(x, "float32")
        for stage in self.stages:
            if isinstance(stage, Transformed):
                z = stage.map.inverse(z, condition, training)
                continue
            z, out = stage.parting.part(z)
            yield stage.prior, out, stage.parting.seen(z)
        yield self.last, z, None

    def _part(self, stages, parting, condition_shape):
        prior = made_by(self.make_part, "IntegerMultiScale.make_part", unit=self.unit)
        prior.build((None, *parting.out_shape), (None, *parting.seen_shape), condition_shape)
        stages.append(FactoredOutEarly(parting, prior))
        return parting.stay_shape

    def _transform(self, stages, made, shape, condition_shape):
        made.build((None, *shape), condition_shape)
        stages.append(Transformed(made))
        return made.base_shape
