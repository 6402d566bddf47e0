"""Gaussians whose means and variances a network gives."""

import math

import tensorflow as tf

from glf.core import random
from glf.families.base import Family, HasMean, bounded


class Gaussian(Family, HasMean):
    """N(μ, exp(2 s)), |s| < 7: parameters (μ, r), s = 7 tanh(r / 7). Standard normal at zero."""

    parameter_size = 2

    def log_prob(self, parameters, x):
        """See `Family`."""
        mean, log_scale = parameters[..., 0], bounded(parameters[..., 1])
        standard = (x[..., 0] - mean) * tf.exp(-log_scale)
        return -0.5 * tf.square(standard) - log_scale - 0.5 * math.log(2 * math.pi)

    def mean(self, parameters):
        """μ."""
        return parameters[..., :1]

    def _noise(self, shape_of, seed):
        return random.normal(shape_of(1), seed, self.dtype)

    def _decide(self, parameters, noise, temperature, known):
        scale = temperature * tf.exp(bounded(parameters[..., 1:]))
        return parameters[..., :1] + scale * noise
