"""The contract of families: densities, noise, and how noise decides a value."""

import abc
import typing

import tensorflow as tf

# Log-scales that a network gives are within ±7: densities and samples stay finite.
LARGEST_LOG_SCALE = 7.0


class Family(abc.ABC):
    """p(x | parameters) at a place: a pixel, one of its channels, any number of them anywhere.

    A family has no weights: it is told its parameters, raw numbers of any size, with every call.
    With the noise drawn beforehand a value is a function of the parameters, so that sampling can be
    a search for the x that this function maps to itself.

    Code gives `channels`, `levels` and `dtype`; all else is a configuration's. A family of integers
    is of x in {0, ..., levels - 1}; one that is `unbounded`, of all integers, and one of real
    numbers have no use for `levels`.

    Args:
      channels: the image's channels.
      levels: the number of levels of integers, at least 2.
      dtype: of parameters and noise, and of real values.

    Attributes:
      integers: whether x is an integer, int32, or a real number.
      unbounded: whether x may be any integer, negative ones too.
      values: how many channels one place covers, v.
      places_per_pixel: channels / v.
      parameter_size: parameters of a place, P.
      noise_size: numbers of noise that decide a place, Q.

    Raises:
      ValueError: for a family of integers without levels.
    """

    given_by_code = ("channels", "levels", "dtype")

    integers = False
    unbounded = False
    values = 1
    parameter_size = 1
    noise_size = 1

    def __init__(self, channels, levels=None, *, dtype="float32"):
        if self.integers and not self.unbounded and (levels is None or levels < 2):
            raise ValueError(
                f"{type(self).__name__} is a family of integers and needs at least 2 levels, got "
                f"levels={levels}."
            )
        self.channels, self.levels = channels, levels
        self.dtype = tf.as_dtype(dtype)

    @property
    def of_levels(self):
        """Whether x is in {0, ..., levels - 1}."""
        return self.integers and not self.unbounded

    @property
    def places_per_pixel(self):
        """How many places the channels of a pixel are."""
        return self.channels // self.values

    @abc.abstractmethod
    def log_prob(self, parameters, x):
        """log p(x) in nats of places: [..., P] and [..., v] to [...]."""

    @typing.final
    def noise(self, shape, seed):
        """Noise [*shape, Q] for places of `shape`; the first rows do not depend on how many."""
        return self._noise(lambda size: tf.concat([shape, [size]], 0), seed)

    @typing.final
    def decide(self, parameters, noise, temperature=1.0, known=None):
        """The values [..., v] that `noise` [..., Q] makes of `parameters` [..., P].

        With noise of `noise` and temperature 1 they are samples; the temperature multiplies it.

        Args:
          parameters: raw numbers.
          noise: what `noise` drew, or other numbers of its kind.
          temperature: scalar, at least 0.
          known: int32 [..., v], for integers: values of 0 or more are taken as they are, in place
            of a decision, and those after them follow.
        """
        temperature = tf.cast(temperature, noise.dtype)
        x = self._decide(parameters, noise, temperature, known)
        return x if known is None else tf.where(known >= 0, known, x)

    def mode(self, parameters):
        """What is decided at temperature 0, [..., v]: the most probable value.

        Of a mixture it is the mean of the likeliest component.
        """
        zeros = tf.zeros_like(parameters[..., :1])
        return self.decide(parameters, tf.repeat(zeros, self.noise_size, -1), 0.0)

    def level_log_probs(self, parameters, before=()):
        """log P(x_c = k | the values before x_c) in nats for every level k, [..., levels].

        Args:
          parameters: [..., P].
          before: the c values [...] of a place that come before, integers; none for its first.

        Raises:
          TypeError: for a family that is not of levels.
        """
        if not self.of_levels:
            raise TypeError(f"{type(self).__name__} has no levels: only those that have list them.")
        return self._level_log_probs(parameters, list(before))

    def cross_entropy(self, parameters, target, x):
        """-E[log p(x' | parameters)] in nats, [...], over x' of the family at `target` [..., P].

        Where that has no closed form it is estimated by one draw: -log p(x | parameters).
        """
        del target
        return -self.log_prob(parameters, x)

    @typing.final
    def at_places(self, h):
        """What a network gives a pixel, [..., places_per_pixel * P], as [..., places, P]."""
        return self._regrouped(h, self.parameter_size)

    @typing.final
    def values_at_places(self, x):
        """Pixels [..., channels] as [..., places_per_pixel, v]."""
        return self._regrouped(x, self.values)

    @abc.abstractmethod
    def _noise(self, shape_of, seed):
        """See `noise`; `shape_of(size)` is [*shape, size]."""

    @abc.abstractmethod
    def _decide(self, parameters, noise, temperature, known):
        """See `decide`; with several values at a place the later ones follow `known`."""

    def _level_log_probs(self, parameters, before):
        """See `level_log_probs`; this is for families of one value at a place."""
        shape = tf.shape(parameters)[:-1]
        each = tf.repeat(parameters[..., None, :], self.levels, -2)
        levels = tf.range(self.levels)[:, None] + tf.zeros(tf.concat([shape, [1, 1]], 0), tf.int32)
        return self.log_prob(each, levels)

    def _regrouped(self, h, size):
        return tf.reshape(h, [-1, *h.shape[1:-1], self.places_per_pixel, size])


class HasMean(abc.ABC):
    """A family whose mean has a closed form."""

    @abc.abstractmethod
    def mean(self, parameters):
        """E[x], floats [..., v]."""


class HasDistance(HasMean):
    """A family of one parameter, p(x | θ) = exp(-d(x, θ)) / Z, with one Z for all θ.

    The distance is what a loss is made of that is to be 0, or as small as it can be, at its best.
    """

    log_normaliser = 0.0

    @abc.abstractmethod
    def distance(self, parameters, x):
        """d, [..., 1] and [..., 1] to [...]."""

    def log_prob(self, parameters, x):
        """See `Family`: -d - log Z."""
        x = tf.cast(x, parameters.dtype)
        return -self.distance(parameters, x) - self.log_normaliser


def bounded(raw):
    """A log-scale within ±7 that is `raw` to first order at 0."""
    return LARGEST_LOG_SCALE * tf.tanh(raw / LARGEST_LOG_SCALE)
