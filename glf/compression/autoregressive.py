"""Autoregressive models as coders: place after place, in floats.

The distribution of a value is the model's own, log P(x_i | x_<i), computed by the network's cached
steps on both sides: the encoder too goes from place to place, since a pass over whole images rounds
otherwise. So both take as many calls as an image has places, whatever the number of images.
"""

import constriction
import numpy as np
import tensorflow as tf

from glf.compression.symbols import words_of
from glf.layers.causal_conv import hold_weights
from glf.samplers.steps import PixelSteps, steps_of

# Of a probability; a level of less still has one of these.
_PARTS = 2.0**24
_FAMILY = constriction.stream.model.Categorical(perfect=False)


class AutoregressiveCoder:
    """Encodes and decodes blocks of images by an `AutoregressiveModel`, as an `IntegerModel` does.

    The coder's masses of the levels are 1 + ⌊2^24 P⌋, so that nothing is impossible. Bits depend on
    floats: the same for the same program on the same machine, for as many images at once.

    Args:
      model: an `Autoregressive` that takes no condition.

    Attributes:
      shape, levels: of the images.
      networks: the one that computes the steps.

    Raises:
      ValueError: for a model of labelled images.
    """

    def __init__(self, model):
        if model.condition_encoder is not None:
            raise ValueError(
                "The model is one of images whose labels are given, and a file holds no labels: "
                "compress by a model without a condition."
            )
        self._density = model.density
        self.shape, self.levels = tuple(model.spec.shape), model.spec.levels
        self.networks = [_Steps(model.density)]

    def encode(self, x):
        """The bytes of images [n, height, width, channels] of integers."""
        coder = constriction.stream.queue.RangeEncoder()
        positions = self._density.to_positions(np.asarray(x)).numpy()

        def choose(masses, i, c):
            coder.encode(positions[:, i, c], _FAMILY, masses)
            return positions[:, i, c]

        self._walk(len(positions), choose)
        return coder.get_compressed().astype("<u4").tobytes()

    def decode(self, data, count):
        """The `count` images uint8 [count, height, width, channels] that `data` encodes.

        Raises:
          ValueError: if the bytes encode no such images.
        """
        decoder = constriction.stream.queue.RangeDecoder(words_of(data))
        try:
            positions = self._walk(count, lambda masses, i, c: decoder.decode(_FAMILY, masses))
        except AssertionError as error:  # how the coder says so
            raise ValueError("the bytes are no integers under these distributions") from error
        if not decoder.maybe_exhausted():
            raise ValueError("there are more coded integers than the block has")
        return self._density.to_data(positions).numpy().astype(np.uint8)

    def bits(self, x):
        """The bits that each value of images costs, float64 [n, height, width, channels].

        By one pass over whole images, -log2 P of the model; values that share a place, the channels
        of a pixel, have equal shares of its cost.
        """
        nats = self.networks[0].conditional_log_probs(tf.constant(x)).numpy().astype(np.float64)
        values = self._density.family.values
        each = np.repeat(-nats[..., None] / (np.log(2.0) * values), values, -1)
        return each.reshape(-1, *self.shape)

    def _walk(self, count, choose):
        """int32 [count, d, v] of values that `choose(masses, place, value)` gives in order."""
        density, steps = self._density, self.networks[0]
        x = np.zeros((count, density.positions, density.family.values), np.int32)
        state = None
        for i in range(density.positions):
            parameters, state = steps.run(x, i, state)
            for c in range(density.family.values):
                log_probs = steps.level_log_probs(parameters, x[:, i, :c])
                masses = np.floor(np.exp(log_probs.numpy().astype(np.float64)) * _PARTS) + 1.0
                x[:, i, c] = choose(masses, i, c)
        return x


class _Steps:
    """The functions of a density that are called from place to place."""

    def __init__(self, density):
        self._density = density
        values = density.family.values
        x = tf.TensorSpec([None, density.positions, values], tf.int32)
        number = tf.TensorSpec([], tf.int32)
        with hold_weights(density):
            steps = steps_of(density)
            self._by_pixels = isinstance(steps, PixelSteps)
            self._blank = _traced(steps.blank, x)
            kept = tf.nest.map_structure(_any_rows, self._blank.structured_outputs)
            if self._by_pixels:
                of_row, of_place = kept
                self._row = _traced(steps.row, x, number, of_row)
                features = tf.nest.map_structure(_any_rows, self._row.structured_outputs[0])
                self._at = _traced(steps.parameters, x, number, features, of_place)
            else:
                self._at = _traced(steps.parameters, x, number, kept)
            self.conditional_log_probs = _traced(
                density.conditional_log_probs, tf.TensorSpec([None, *density.data_shape], tf.uint8)
            )
        size = density.family.parameter_size
        self._level_log_probs = [
            _traced(
                lambda parameters, before: density.family.level_log_probs(
                    parameters, tf.unstack(before, axis=-1)
                ),
                tf.TensorSpec([None, size], tf.float32),
                tf.TensorSpec([None, c], tf.int32),
            )
            for c in range(values)
        ]

    def run(self, x, i, state):
        """The parameters [n, P] of place i of x int32 [n, d, v], and the state after it."""
        x, place = tf.constant(x), tf.constant(i)
        if not self._by_pixels:
            return self._at(x, place, self._blank(x) if state is None else state)
        of_row, of_place, features = (*self._blank(x), None) if state is None else state
        if i % self._density.row_positions == 0:
            features, of_row = self._row(x, place // self._density.row_positions, of_row)
        parameters, of_place = self._at(x, place, features, of_place)
        return parameters, (of_row, of_place, features)

    def level_log_probs(self, parameters, before):
        """log P of every level [n, levels], after the values `before` [n, c] of the place."""
        return self._level_log_probs[before.shape[1]](parameters, tf.constant(before))


def _traced(function, *specs):
    return tf.function(function, autograph=False).get_concrete_function(*specs)


def _any_rows(tensor):
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
