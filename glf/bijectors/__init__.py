"""Invertible maps with log-determinants, one family a file."""

from glf.bijectors.act_norm import ActNorm
from glf.bijectors.autoregressive import IAF, MAF
from glf.bijectors.base import Bijector, ImageBijector, VectorBijector
from glf.bijectors.batch_norm import BatchNorm
from glf.bijectors.chain import Chain, Invert
from glf.bijectors.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    BothHalvesCoupling,
    Coupling,
    SplineCoupling,
)
from glf.bijectors.diagonal_scaling import DiagonalScaling
from glf.bijectors.elementwise import (
    AdditiveMap,
    AffineMap,
    ElementwiseMap,
    SigmoidAffineMap,
    TanhAffineMap,
)
from glf.bijectors.emerging import EmergingConv
from glf.bijectors.flatten import Flatten
from glf.bijectors.householder import Householder
from glf.bijectors.image_autoregressive import ImageIAF
from glf.bijectors.image_coupling import ImageCoupling
from glf.bijectors.invertible_conv import InvertibleConv1x1
from glf.bijectors.logit import Center, Logit
from glf.bijectors.lu_linear import LULinear
from glf.bijectors.mixture_logistic import MixtureLogisticMap
from glf.bijectors.periodic import PeriodicConv
from glf.bijectors.permutation import EvenOddPermutation, RandomPermutation
from glf.bijectors.planar import Planar
from glf.bijectors.radial import Radial
from glf.bijectors.spline import SplineMap
from glf.bijectors.squeeze import Squeeze, Unsqueeze
from glf.bijectors.transformer import TransformerAutoregressive
from glf.bijectors.whitening import Whitening

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
    "Center",
    "Chain",
    "Coupling",
    "DiagonalScaling",
    "ElementwiseMap",
    "EmergingConv",
    "EvenOddPermutation",
    "Flatten",
    "Householder",
    "ImageBijector",
    "ImageCoupling",
    "ImageIAF",
    "Invert",
    "InvertibleConv1x1",
    "LULinear",
    "Logit",
    "MixtureLogisticMap",
    "PeriodicConv",
    "Planar",
    "Radial",
    "RandomPermutation",
    "SigmoidAffineMap",
    "SplineCoupling",
    "SplineMap",
    "Squeeze",
    "TanhAffineMap",
    "TransformerAutoregressive",
    "Unsqueeze",
    "VectorBijector",
    "Whitening",
]
