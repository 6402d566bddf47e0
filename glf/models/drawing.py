"""Models that draw from an autoregressive model, of data or of codes, with a sampler."""

import abc
import typing

import numpy as np
import tensorflow as tf

from glf.core.checks import ensured
from glf.models.signatures import Ability

NOISE_BYTES = 256 * 2**20


def rows_of_piece(density, most=256):
    """How many images of an `AutoregressiveModel` have 256 MiB of noise, at most `most`."""
    bytes_of_one = 4 * density.positions * density.family.noise_size
    return int(np.clip(NOISE_BYTES // bytes_of_one, 1, most))


class DrawsBySampler(Ability):
    """Models that draw with a `glf.samplers.base.Sampler`: each gives the same samples.

    Attributes:
      sampler: the model's own.
    """

    @property
    @abc.abstractmethod
    def sampled(self):
        """The `AutoregressiveModel` that is drawn from."""

    @typing.final
    def sample_with(self, sampler, num, seed, temperature=1.0, condition=None, known=None):
        """Draws with another sampler: the same samples, of data or of codes, and what they cost.

        Arguments and errors as of `sample`, and

        Args:
          sampler: a `Sampler`; compiled at its first use.
          known: known values, int32 [num, height, width, channels], -1 where one is to be drawn.

        Returns `Samples`, of which x is int32 [num, height, width, channels].
        """
        known = None if known is None else self._checked_known(known)
        return self._requested(
            self._samples, (sampler,), num, seed, temperature, condition, known=known
        )

    def _samples(self, sampler, num, seed, temperature, condition, known=None):
        """The same of one piece."""
        density = self.sampled
        noise, context = density.noise(num, seed), self._context(condition)
        known = None if known is None else density.to_positions(known)
        samples = sampler(density, noise, context, temperature, known)
        return samples._replace(x=density.to_data(samples.x))

    def _checked_known(self, known):
        known, top = tf.convert_to_tensor(known), self.sampled.levels - 1
        if not known.dtype.is_integer:
            raise ValueError(f"Known values are integers from 0 to {top}, got {known.dtype.name}.")
        known = tf.cast(known, tf.int32)
        least, most = tf.reduce_min(known), tf.reduce_max(known)
        message = f"Known values are integers from 0 to {top}, and -1 stands for none; got"
        holds = (least >= -1) & (most <= top)
        return ensured(known, holds, message, "values from", least, "to", most)
