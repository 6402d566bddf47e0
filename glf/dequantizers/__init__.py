"""Noise models that make integers continuous, and the bounds they are used with."""

from glf.dequantizers.base import Dequantizer, NoiseModel
from glf.dequantizers.bounds import ELBO, Bound, ImportanceWeighted, Renyi
from glf.dequantizers.flow import (
    AutoregressiveDequantizer,
    FlowDequantizer,
    VariationalDequantizer,
)
from glf.dequantizers.gaussian import GaussianNoise
from glf.dequantizers.uniform import UniformDequantizer

__all__ = [
    "ELBO",
    "AutoregressiveDequantizer",
    "Bound",
    "Dequantizer",
    "FlowDequantizer",
    "GaussianNoise",
    "ImportanceWeighted",
    "NoiseModel",
    "Renyi",
    "UniformDequantizer",
    "VariationalDequantizer",
]
