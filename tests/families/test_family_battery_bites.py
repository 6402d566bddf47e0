"""The battery of families notices planted mistakes."""

import functools

import family_battery
import pytest
import tensorflow as tf

from glf.families import (
    Bernoulli,
    Categorical,
    DiscretizedLogisticMixture,
    FixedGaussian,
    FixedLaplace,
    Gaussian,
    MixtureOfLogistics,
)


class Unnormalised(FixedLaplace):
    """Forgets the normaliser."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.log_normaliser = 0.0


class NoEdges(DiscretizedLogisticMixture):
    """The lowest and the highest bin end where the others would."""

    def log_prob(self, parameters, x):
        log_prob = super().log_prob(parameters, x)
        return log_prob - 0.1 * tf.cast(x[..., 0] == 0, log_prob.dtype)


class TooNarrow(Gaussian):
    """Draws with three quarters of the scale."""

    def _decide(self, parameters, noise, temperature, known):
        return super()._decide(parameters, 0.75 * noise, temperature, known)


class NormalNoise(Bernoulli):
    """Takes a noise that is not its own."""

    def _noise(self, shape_of, seed):
        return tf.cast(tf.random.stateless_normal(shape_of(1), seed), self.dtype)


class OneNoise(Categorical):
    """All places share their noise."""

    def _noise(self, shape_of, seed):
        noise = super()._noise(shape_of, seed)
        return noise - noise[:1] + noise[-1:]


class AlwaysWarm(FixedGaussian):
    """Does not look at the temperature."""

    def _decide(self, parameters, noise, temperature, known):
        return parameters + noise


class OfNeighbours(MixtureOfLogistics):
    """Decides a value by what its neighbours are."""

    def _decide(self, parameters, noise, temperature, known):
        x = super()._decide(parameters, noise, temperature, known)
        return x - 0.1 * tf.reduce_mean(x)


class WrongMode(Bernoulli):
    """Its middle is elsewhere."""

    def _decide(self, parameters, noise, temperature, known):
        return tf.cast(parameters + temperature * noise > 0.5, tf.int32)


class KnownTooEarly(DiscretizedLogisticMixture):
    """A known channel moves those before it."""

    def _decide(self, parameters, noise, temperature, known):
        x = super()._decide(parameters, noise, temperature, known)
        return x if known is None else tf.minimum(x, tf.reduce_max(known, -1, keepdims=True))


class Unbounded(Gaussian):
    """Takes a log-scale as it comes."""

    def log_prob(self, parameters, x):
        mean, log_scale = parameters[..., 0], parameters[..., 1]
        return -0.5 * tf.square((x[..., 0] - mean) * tf.exp(-log_scale)) - log_scale


class WithoutGradient(Gaussian):
    """Keeps the mean from learning."""

    def log_prob(self, parameters, x):
        parameters = tf.concat([tf.stop_gradient(parameters[..., :1]), parameters[..., 1:]], -1)
        return super().log_prob(parameters, x)


class OnlyEager(Gaussian):
    """Another density where a graph is made."""

    def log_prob(self, parameters, x):
        return super().log_prob(parameters, x) + 1e-3 * (not tf.executing_eagerly())


class WrongMean(MixtureOfLogistics):
    """Means without weights."""

    def mean(self, parameters):
        return tf.reduce_mean(self._split(parameters)[1], -1, keepdims=True)


class WrongPlaces(Categorical):
    """Covers no channel but the first."""

    @property
    def places_per_pixel(self):
        return 1


class ForgetsChannels(DiscretizedLogisticMixture):
    """Weighs its components as if nothing had come before."""

    def _level_log_probs(self, parameters, before):
        logits, means, log_scales, slopes = self._split(parameters)
        y = self._scaled(tf.stack(before, -1)) if before else None
        mean = self._mean(means, slopes, y, len(before))[..., None, :]
        log_scale = log_scales[..., len(before), :][..., None, :]
        bins = self._log_bin(tf.range(self.levels)[:, None], mean, log_scale)
        return tf.reduce_logsumexp(tf.nn.log_softmax(logits)[..., None, :] + bins, -1)


PLANTED = [
    (Unnormalised, "normalisation", {"scale": 0.7}),
    (NoEdges, "normalisation", {"levels": 6}),
    (TooNarrow, "draws", {}),
    (NormalNoise, "draws", {}),
    (OneNoise, "draws", {"levels": 5}),
    (OneNoise, "decisions", {"levels": 5}),
    (AlwaysWarm, "decisions", {}),
    (OfNeighbours, "decisions", {}),
    (WrongMode, "decisions", {}),
    (KnownTooEarly, "known_values", {"channels": 3, "levels": 3}),
    (Unbounded, "extremes", {}),
    (WithoutGradient, "gradients", {}),
    (OnlyEager, "compilation", {}),
    (WrongMean, "mean", {}),
    (ForgetsChannels, "levels", {"channels": 3, "levels": 3}),
    (WrongPlaces, "places", {"channels": 3, "levels": 3}),
]


@pytest.mark.parametrize(("family", "check", "options"), PLANTED)
def test_a_planted_mistake_is_found(family, check, options):
    make = functools.partial(family, **{"channels": 1, **options})
    with pytest.raises(AssertionError):
        family_battery.CHECKS[check](make)
    assert {entry[1] for entry in PLANTED} == set(family_battery.CHECKS)
