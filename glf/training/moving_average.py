"""A moving average of a model's weights, to evaluate and sample with."""

import contextlib
import functools

import tensorflow as tf

from glf.models.fitted_after import FittedAfter
from glf.training.packs import Pack, joined, small


class MovingAverage(tf.Module):
    """Exponential moving average of every floating-point weight, batch statistics included.

      average <- d_t * average + (1 - d_t) * weight,   d_t = min(decay, (1 + t) / (10 + t))

    with t the number of updates: the ramp keeps the first steps from weighing on the average.

    As an `L2Adam` it may `pack` what is small; between `load` and `store` those averages lie in the
    packs.

    Args:
      model: the model, built.
      decay: the final decay, in [0, 1).
    """

    def __init__(self, model, decay):
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"The moving average's decay must lie in [0, 1), got {decay}.")
        self.decay = decay
        # What is fitted to the averaged weights is no average itself.
        fitted = model.fitted_weights if isinstance(model, FittedAfter) else []
        apart = {id(weight) for weight in fitted}
        floats = [w for w in model.weights if w.dtype.startswith(("float", "bfloat"))]
        self._weights = [w for w in floats if id(w) not in apart]
        # Trained weights are equal on all replicas. Batch statistics are each replica's own, and
        # the first one's stand for all, as they do in checkpoints.
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.averages = [
            tf.Variable(w.value, trainable=False, aggregation=first) for w in self._weights
        ]
        self._packs, self._alone = [], range(len(self._weights))

    def pack(self, trained, largest):
        """Puts averages of at most `largest` numbers into packs.

        Args:
          trained: packs of weights that whoever updates them keeps right: what is averaged there is
            read from them. The other weights are packed here.
          largest: the most numbers of a variable in a pack.
        """
        place = {weight.value.ref(): i for i, weight in enumerate(self._weights)}
        for pack in trained:
            averages = Pack([self.averages[place.pop(v.ref())] for v in pack.variables])
            self._packs.append((averages, pack.held.value))
        rest = sorted(place.values())
        weights = [self._weights[i].value for i in rest]
        chosen = small(weights, largest, [weight.dtype for weight in weights])
        for members in chosen:
            averages = Pack([self.averages[rest[i]] for i in members])
            now = functools.partial(joined, [weights[i] for i in members])
            self._packs.append((averages, now))
        packed = {i for members in chosen for i in members}
        self._alone = [place for i, place in enumerate(rest) if i not in packed]

    def load(self):
        """Fills the packs from the averages."""
        for averages, _ in self._packs:
            averages.load()

    def store(self):
        """Gives packed averages the values that their packs have."""
        for averages, _ in self._packs:
            averages.store()

    def start(self):
        """The averages are the weights as they are."""
        for average, weight in zip(self.averages, self._weights, strict=True):
            average.assign(tf.cast(weight.value, average.dtype))

    def update(self, step):
        """Moves the averages towards the weights; `step` counts the updates before this one."""
        step = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        pairs = [(self.averages[i], self._weights[i].value) for i in self._alone]
        pairs += [(averages.held, now()) for averages, now in self._packs]
        for average, value in pairs:
            average.assign_sub((average - value) * tf.cast(rate, average.dtype))

    def install(self):
        """Overwrites the model's weights with their averages, for good."""
        for average, weight in zip(self.averages, self._weights, strict=True):
            weight.assign(average)

    @contextlib.contextmanager
    def installed(self):
        """The model's weights are their averages within the block and what they were after it."""
        before = [weight.numpy() for weight in self._weights]
        self.install()
        try:
            yield
        finally:
            for value, weight in zip(before, self._weights, strict=True):
                weight.assign(value)
