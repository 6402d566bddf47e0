"""The prior of integers that leave a flow: a family whose parameters a network reads."""

import keras
import tensorflow as tf

from glf.core import random
from glf.core.part import Part, made_by
from glf.families.integer_logistic_mixture import IntegerLogisticMixture
from glf.layers.context import context_features, with_context
from glf.networks.dense_net_conditioner import DenseNetConditioner


class IntegerPrior(Part, keras.layers.Layer):
    """log p(z | seen) = Σ_i log p(z_i; θ_i), with θ = network(seen / unit) at each position.

    z and what is seen are integers in float32, [batch, height, width, ...] of the same sides. A
    context stands behind the features of what is seen. Where there is neither, θ are learned
    constants, that start at 0.

    Args:
      make_network: factory of the network, called with `units=` and `dtype=`.
      make_family: factory of the family of all integers, called with `channels`, `unit=` and
        `dtype=`.
      per_place: whether constants differ from pixel to pixel, or in channels alone.
      unit: see `IntegerMap`; given by code.

    Attributes:
      family: the `Family`; `family.split` makes weights, means and scales of `parameters`.
      network: of [batch, h, w, seen] to [batch, h, w, channels * family.parameter_size], or None.
      constants: [h or 1, w or 1, channels * family.parameter_size], or None.

    Raises:
      ValueError: in `build`, for a family that has not all integers, or in which the channels of a
        pixel depend on each other.
    """

    given_by_code = ("unit",)

    def __init__(
        self,
        make_network=DenseNetConditioner,
        make_family=IntegerLogisticMixture,
        per_place=False,
        *,
        unit=1,
    ):
        super().__init__(dtype="float32")
        self.make_network, self.make_family = make_network, make_family
        self.per_place, self.unit = per_place, unit
        self.network = self.constants = self.event_shape = None

    def build(self, input_shape, seen_shape=None, condition_shape=None):
        """Makes family and network, or constants.

        Args:
          input_shape: [None, h, w, c] of z.
          seen_shape: [None, h, w, n] of what is seen, or None.
          condition_shape: of a context, or None.
        """
        self.event_shape = tuple(input_shape[1:])
        height, width, channels = self.event_shape
        self.family = made_by(
            self.make_family, "IntegerPrior.make_family", channels, unit=self.unit, dtype="float32"
        )
        if not self.family.unbounded or self.family.values != 1:
            raise ValueError(
                "IntegerPrior.make_family makes a family of all integers, a value at a time, such "
                f"as IntegerLogisticMixture; got {type(self.family).__name__}."
            )
        units = channels * self.family.parameter_size
        features = (seen_shape[-1] if seen_shape else 0) + context_features(condition_shape)
        if features:
            where = "IntegerPrior.make_network"
            self.network = made_by(self.make_network, where, units=units, dtype="float32")
            self.network.build((None, height, width, features))
            return
        places = (height, width) if self.per_place else (1, 1)
        self.constants = self.add_weight(
            name="constants", shape=(*places, units), initializer="zeros"
        )

    def parameters(self, seen=None, condition=None, training=False):
        """θ [batch, h, w, c, P] of the family, or [1, h or 1, w or 1, c, P] of constants."""
        if self.network is None:
            return self.family.at_places(self.constants.value[None])
        return self.family.at_places(
            self.network(self._features(seen, condition), training=training)
        )

    def log_prob(self, z, seen=None, condition=None, training=False):
        """log p(z | seen) in nats, [batch]."""
        parameters = self.parameters(seen, condition, training)
        each = self.family.log_prob(parameters, self.family.values_at_places(z))
        return tf.reduce_sum(each, [1, 2, 3])

    def sample(self, num, seed, temperature=1.0, seen=None, condition=None):
        """z [num, h, w, c], integers in float32; the temperature multiplies the noise."""
        parameters = self.parameters(seen, condition)
        shape = tf.concat([[num], tf.constant(self.event_shape, tf.int32)], 0)
        noise = self.family.noise(shape, random.fold(seed, "prior"))
        parameters += tf.zeros(tf.concat([shape, [1]], 0))  # constants for every place
        z = self.family.decide(parameters, noise, temperature)
        return tf.cast(tf.reshape(z, (-1, *self.event_shape)), "float32")

    def call(self, z, seen=None, condition=None, training=False):
        """Keras' own way in: `log_prob`."""
        return self.log_prob(z, seen, condition, training)

    def _features(self, seen, condition):
        if seen is None:
            height, width, _ = self.event_shape
            seen = tf.zeros((tf.shape(condition)[0], height, width, 0))
        return with_context(seen / self.unit, condition)
