"""Weights of a bijector that a condition may shift, example by example."""

import keras
import tensorflow as tf

from glf.core.part import made_by
from glf.layers.track import track
from glf.networks.dense_conditioner import DenseConditioner


class FreeParameters(keras.layers.Layer):
    """Named vectors, one for all examples; with a condition, plus what a network makes of it.

      parameters = weights + network(condition)

    This is how a flow posterior is amortised (Rezende, Mohamed 2015, "Variational Inference with
    Normalizing Flows"). The default network starts at zero.

    Args:
      sizes: dictionary of names and sizes.
      make_conditioner: factory of the network, called with `units=` and `dtype=`.
    """

    def __init__(self, sizes, make_conditioner=DenseConditioner, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.sizes = dict(sizes)
        self.make_conditioner = make_conditioner
        self.network = None

    def build(self, condition_shape=None):
        """Makes the weights, and the network if there are conditions [None, c]."""
        start = keras.initializers.RandomNormal(stddev=0.1)
        vectors = [
            self.add_weight(name=name, shape=(size,), initializer=start.clone())
            for name, size in self.sizes.items()
        ]
        self.vectors = track(self, "vector", vectors)
        if condition_shape is not None:
            total = sum(self.sizes.values())
            where = "FreeParameters.make_conditioner"
            self.network = made_by(self.make_conditioner, where, units=total, dtype=self.dtype)
            self.network.build(condition_shape)

    def call(self, condition=None, training=False):
        """Returns one tensor for each name, [1, size], or [batch, size] with a condition."""
        own = [vector.value[None, :] for vector in self.vectors]
        if condition is None:
            return own
        shifts = self.network(condition, training=training)
        shifts = tf.split(shifts, list(self.sizes.values()), axis=1)
        return [vector + shift for vector, shift in zip(own, shifts, strict=True)]
