"""Densities at the end of the line: base densities and flows."""

from glf.priors.base import BaseDensity, Prior
from glf.priors.channel_autoregressive import ChannelAutoregressive
from glf.priors.conditional_gaussian import ConditionalGaussian
from glf.priors.factored_out import FactoredOut
from glf.priors.fitted import FittedGaussian, FittedMixture, FittedPrior
from glf.priors.flow import Flow, paper_bijector
from glf.priors.learned import DiagonalGaussian, GaussianMixture
from glf.priors.multi_scale import MultiScale
from glf.priors.standard import StandardLogistic, StandardNormal

__all__ = [
    "BaseDensity",
    "ChannelAutoregressive",
    "ConditionalGaussian",
    "DiagonalGaussian",
    "FactoredOut",
    "FittedGaussian",
    "FittedMixture",
    "FittedPrior",
    "Flow",
    "GaussianMixture",
    "MultiScale",
    "Prior",
    "StandardLogistic",
    "StandardNormal",
    "paper_bijector",
]
