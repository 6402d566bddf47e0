"""Drawing from an autoregressive density and judging with it, in pieces that fit into memory."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.models.chunks import ROWS, in_chunks
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
        bytes_of_one = 4 * density.positions * density.output_family.noise_size
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
        if not tf.is_tensor(num) and num < 1:
            raise ValueError(f"The number of samples must be at least 1, got {num}.")
        if not tf.is_tensor(temperature) and not temperature >= 0:
            raise ValueError(f"The temperature must be at least 0, got {temperature}.")
        condition = self._condition(num, condition)
        if given is not None:
            given = self._given(given)
        if sampler not in self._programs:
            self._programs[sampler] = self._program(sampler)
        return self._programs[sampler](
            tf.cast(num, tf.int32),
            random.make_seed(seed),
            tf.cast(temperature, tf.float32),
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

            return Samples(*_in_pieces(piece, (num + self.rows - 1) // self.rows))

        return draw

    def _given(self, given):
        given = tf.cast(given, tf.int32)
        largest = int(tf.reduce_max(given)) if tf.executing_eagerly() else 0
        if largest >= self.density.levels:
            raise ValueError(
                f"Known values are integers from 0 to {self.density.levels - 1}, got one of "
                f"{largest}."
            )
        return given

    def _condition(self, num, condition):
        encoder = self.density.condition_encoder
        if encoder is None or encoder.kind != "label":
            if encoder is not None and condition is None:
                raise ValueError(
                    f"This model is conditioned on {encoder.kind}s: give one for each sample."
                )
            return condition if condition is None else tf.convert_to_tensor(condition)
        classes = encoder.num_classes
        if condition is None:
            return tf.range(num) % classes
        if not tf.is_tensor(condition):
            condition = np.asarray(condition)
            whole = condition.dtype.kind in "iu" and condition.shape == (num,)
            if not whole or condition.min() < 0 or condition.max() >= classes:
                raise ValueError(
                    f"Labels are integers from 0 to {classes - 1}, one for each of {num} samples; "
                    f"got {condition.tolist()}."
                )
        return tf.cast(condition, tf.int32)


def _in_pieces(piece, count):
    """The results of piece(0), ..., piece(count - 1), tuples of tensors, joined by rows."""
    traced = tf.function(piece, autograph=False).get_concrete_function(tf.TensorSpec([], tf.int32))
    arrays = tuple(
        tf.TensorArray(t.dtype, size=count, infer_shape=False, element_shape=[None, *t.shape[1:]])
        for t in traced.structured_outputs
    )

    def step(i, *arrays):
        written = [a.write(i, t) for a, t in zip(arrays, piece(i), strict=True)]
        return (i + 1, *written)

    _, *arrays = tf.while_loop(lambda i, *_: i < count, step, (0, *arrays), parallel_iterations=1)
    return [array.concat() for array in arrays]
