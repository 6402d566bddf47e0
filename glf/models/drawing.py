"""Drawing from an autoregressive density and judging with it, in pieces that fit into memory."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.core.checks import ensured
from glf.models.chunks import ROWS, in_chunks, in_pieces
from glf.models.requests import check_request, conditions_for
from glf.samplers.base import Samples

NOISE_BYTES = 256 * 2**20


class Drawing:
    """Runs samplers of one density, and its log_prob, compiled once each.

    Images are drawn in pieces: as many at a time as have 256 MiB of noise, at most 256. Piece i
    takes its noise from fold(seed, i), so that the first images of a larger request are those of a
    smaller one, whatever the sampler.

    Args:
      density: an `AutoregressiveModel`.

    Attributes:
      rows: images in a piece.
    """

    def __init__(self, density):
        self.density = density
        bytes_of_one = 4 * density.positions * density.family.noise_size
        self.rows = int(np.clip(NOISE_BYTES // bytes_of_one, 1, ROWS))
        self._programs = {}
        self._log_prob = tf.function(density.log_prob, jit_compile=True, autograph=False)

    def log_prob(self, x, condition=None):
        """log P(x | condition) in nats, [batch], a piece at a time, each an XLA program."""
        rows = (x,) if condition is None else (x, condition)
        return in_chunks(lambda rows: self._log_prob(*rows), rows, self.rows)

    def __call__(self, sampler, num, seed, temperature=1.0, condition=None, given=None):
        """Draws `num` images with `sampler`.

        Args:
          sampler: a `glf.samplers.base.Sampler`.
          num: how many, at least 1.
          seed: an integer or a pair of integers.
          temperature: multiplies the noise, at least 0.
          condition: one for each image. None: for a density conditioned on labels 0, 1, 2, ... in
            turn.
          given: known values, int32 [num, height, width, channels], -1 where one is to be drawn.

        Returns `Samples`, of which x is images, int32 [num, height, width, channels].

        Raises:
          ValueError: if a number is out of range, or the conditions are not what the density needs.
        """
        num, temperature = check_request(num, temperature)
        condition = conditions_for(self.density.condition_encoder, num, condition)
        if given is not None:
            given = self._given(given)
        if sampler not in self._programs:
            self._programs[sampler] = self._program(sampler)
        return self._programs[sampler](
            num,
            random.make_seed(seed),
            temperature,
            condition,
            given,
        )

    def _program(self, sampler):
        @tf.function(reduce_retracing=True, autograph=False)
        def draw(num, seed, temperature, condition, given):
            def piece(i):
                start = i * self.rows
                stop = tf.minimum(start + self.rows, num)
                noise = self.density.noise(stop - start, random.fold(seed, i))
                context = self.density.context(None if condition is None else condition[start:stop])
                known = None if given is None else self.density.to_positions(given[start:stop])
                found = sampler(self.density, noise, context, temperature, known)
                return found._replace(x=self.density.to_data(found.x))

            return Samples(*in_pieces(piece, (num + self.rows - 1) // self.rows))

        return draw

    def _given(self, given):
        given, top = tf.convert_to_tensor(given), self.density.levels - 1
        if not given.dtype.is_integer:
            raise ValueError(f"Known values are integers from 0 to {top}, got {given.dtype.name}.")
        given = tf.cast(given, tf.int32)
        least, most = tf.reduce_min(given), tf.reduce_max(given)
        message = f"Known values are integers from 0 to {top}, and -1 stands for none; got"
        found = ("values from", least, "to", most)
        return ensured(given, (least >= -1) & (most <= top), message, *found)
