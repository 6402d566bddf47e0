"""Invertible maps with log-determinants, one family a file."""

from glf.bijectors.base import Bijector, VectorBijector
from glf.bijectors.chain import Chain, Invert, Repeated
from glf.bijectors.coupling import AdditiveCoupling, AffineCoupling, BothHalvesCoupling, Coupling
from glf.bijectors.elementwise import AdditiveMap, AffineMap, ElementwiseMap
from glf.bijectors.permutation import RandomPermutation
