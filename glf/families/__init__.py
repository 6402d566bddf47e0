"""Distributions whose parameters a network gives."""

from glf.families.base import Family, HasDistance, HasMean
from glf.families.bernoulli import Bernoulli
from glf.families.categorical import Categorical
from glf.families.discretized_logistic_mixture import DiscretizedLogisticMixture
from glf.families.fixed_gaussian import FixedGaussian
from glf.families.fixed_laplace import FixedLaplace
from glf.families.gaussian import Gaussian
from glf.families.integer_logistic_mixture import IntegerLogisticMixture
from glf.families.mixture_of_logistics import MixtureOfLogistics

__all__ = [
    "Bernoulli",
    "Categorical",
    "DiscretizedLogisticMixture",
    "Family",
    "FixedGaussian",
    "FixedLaplace",
    "Gaussian",
    "HasDistance",
    "HasMean",
    "IntegerLogisticMixture",
    "MixtureOfLogistics",
]
