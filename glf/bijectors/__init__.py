"""Invertible maps with log-determinants, one family a file."""

from glf.bijectors.act_norm import ActNorm
from glf.bijectors.autoregressive import IAF, MAF
from glf.bijectors.base import Bijector, VectorBijector
from glf.bijectors.batch_norm import BatchNorm
from glf.bijectors.chain import Chain, Invert, Repeated
from glf.bijectors.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    BothHalvesCoupling,
    Coupling,
    SplineCoupling,
)
from glf.bijectors.diagonal_scaling import DiagonalScaling
from glf.bijectors.elementwise import AdditiveMap, AffineMap, ElementwiseMap
from glf.bijectors.householder import Householder
from glf.bijectors.lu_linear import LULinear
from glf.bijectors.permutation import RandomPermutation
from glf.bijectors.planar import Planar
from glf.bijectors.radial import Radial
from glf.bijectors.spline import SplineMap

__all__ = [
    "IAF",
    "MAF",
    "ActNorm",
    "AdditiveCoupling",
    "AdditiveMap",
    "AffineCoupling",
    "AffineMap",
    "BatchNorm",
    "Bijector",
    "BothHalvesCoupling",
    "Chain",
    "Coupling",
    "DiagonalScaling",
    "ElementwiseMap",
    "Householder",
    "Invert",
    "LULinear",
    "Planar",
    "Radial",
    "RandomPermutation",
    "Repeated",
    "SplineCoupling",
    "SplineMap",
    "VectorBijector",
]
