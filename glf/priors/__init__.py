"""Densities at the end of the line: base densities and flows."""

from glf.priors.base import BaseDensity, Prior
from glf.priors.flow import Flow, paper_bijector
from glf.priors.learned import DiagonalGaussian, GaussianMixture
from glf.priors.standard import StandardLogistic, StandardNormal

__all__ = [
    "BaseDensity",
    "DiagonalGaussian",
    "Flow",
    "GaussianMixture",
    "Prior",
    "StandardLogistic",
    "StandardNormal",
    "paper_bijector",
]
