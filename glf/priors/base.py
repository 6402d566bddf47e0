"""The contract of every prior: a density on latents that can be evaluated and drawn from."""

import abc
import math
import typing

import keras
import tensorflow as tf

from glf.core import random
from glf.core.checks import checked_number, checked_temperature
from glf.core.part import Part
from glf.core.shapes import known_event


class Prior(Part, keras.layers.Layer):
    """A density p(z), perhaps p(z | condition), with its own sampler.

    Points have shape [batch, ...event], log-densities [batch], in nats. Weights are made in
    `build(input_shape, condition_shape=None)`, with input_shape = [None, ...event]. Arithmetic is
    in the layer's dtype, float32 unless told, whatever the global policy.

    Samples come from stateless noise under Philox and are filled row by row: the first n rows of
    `sample(m, seed)` equal `sample(n, seed)`, in eager, graph and XLA mode.
    """

    given_by_code = ("dtype",)

    def __init__(self, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.event_shape = None

    @property
    def reparameterization_type(self):
        """Whether samples are a differentiable function of the weights, in TFP's terms."""
        from tensorflow_probability import distributions as tfd  # slow to import

        return tfd.NOT_REPARAMETERIZED

    def build(self, input_shape, condition_shape=None):
        """Records the event's shape; subclasses add weights.

        Raises:
          ValueError: if the event's shape is not fully known.
        """
        self.event_shape = known_event(self, input_shape)

    def distribution(self, condition=None):
        """A `tfd.Distribution` with this layer's present weights, built on the spot.

        Its `log_prob` and `sample` are this prior's: for integers and [2] seeds,
        `distribution().sample(n, seed)` equals `sample(n, seed)`; other seeds give samples that are
        not reproducible. Without a condition its batch shape is []; with one of shape [batch, ...]
        it is [batch], one distribution for each row.
        """
        from glf.priors.distribution import PriorDistribution  # loads TFP

        return PriorDistribution(self, condition)

    @abc.abstractmethod
    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z), shape [batch], in nats."""

    @typing.final
    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws `num` points, [num, ...event]; noise is scaled by `temperature`.

        `num` may be a scalar tensor. With a condition, row i of the sample has row i of the
        condition [num, ...]. At temperature 0 there is no noise.

        Raises:
          ValueError: if `num` is not a whole number of at least 1, or the temperature not finite
            and at least 0; an assertion in a graph, see `glf.core.checks`.
        """
        num, temperature = checked_number(num), checked_temperature(temperature)
        return self._sample(num, seed, temperature, condition)

    @abc.abstractmethod
    def _sample(self, num, seed, temperature, condition):
        """The same of an int32 and a float32 tensor that are right: for who has looked at them."""

    def drafted(self, z, condition=None):
        """How far the drafts of a flow's slow directions are from right at z: [batch].

        See `glf.bijectors.base.Bijector.drafted`; 0 where there is none.
        """
        return tf.zeros(tf.shape(z)[:1], self.compute_dtype)

    def round_trip(self, z, condition=None):
        """Points through the bijectors of this density to the base, and back.

        z again in exact arithmetic, and always where there is no bijector.
        """
        return tf.cast(z, self.compute_dtype)

    def call(self, z, condition=None, training=False):
        """Keras' own way in: `log_prob`."""
        return self.log_prob(z, condition, training)


class BaseDensity(Prior):
    """A density that TFP knows: the end of a flow, or a prior by itself.

    A condition is accepted and ignored, so that every prior can be called in the same way.
    """

    @abc.abstractmethod
    def distribution(self, condition=None):
        """TFP's own."""

    @property
    def reparameterization_type(self):
        """The distribution's."""
        return self.distribution().reparameterization_type

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z), shape [batch], in nats."""
        return self.distribution().log_prob(tf.cast(z, self.compute_dtype))

    def noise(self, draw, num, seed, purpose):
        """Draws [num, ...event] numbers by `draw` of `glf.core.random`, for the given purpose."""
        shape = tf.concat([[num], tf.constant(self.event_shape, tf.int32)], 0)
        drawn = draw(shape, random.fold(seed, purpose), dtype=tf.as_dtype(self.compute_dtype))
        return tf.ensure_shape(drawn, (None, *self.event_shape))


def summed(values):
    """Numbers [batch, ...event], added up over the event: [batch]."""
    return tf.reduce_sum(values, axis=tuple(range(1, values.shape.rank)))


def summed_normal(z, loc=None, scale=None):
    """log N(z; loc, scale²) of independent numbers [batch, ...event], added up: [batch].

    In the order in which `tfd.Normal` computes it, which gives the same bits but takes a second to
    load. Without `loc` and `scale` they are 0 and 1.
    """
    constant = tf.constant(0.5 * math.log(2.0 * math.pi), z.dtype)
    if loc is None:
        return summed(-0.5 * tf.math.squared_difference(z, tf.zeros([], z.dtype)) - constant)
    square = tf.math.squared_difference(z / scale, loc / scale)
    return summed(-0.5 * square - (constant + tf.math.log(scale)))
