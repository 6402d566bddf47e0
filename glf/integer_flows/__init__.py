"""Integer discrete flows: exact maps of integers, and the densities that are made of them."""

from glf.integer_flows.chain import IntegerChain
from glf.integer_flows.coupling import IntegerCoupling, TriangularIntegerCoupling
from glf.integer_flows.multi_scale import IntegerMultiScale
from glf.integer_flows.permutation import ChannelPermutation, Permuted
from glf.integer_flows.prior import IntegerPrior
from glf.integer_flows.squeeze import IntegerSqueeze

__all__ = [
    "ChannelPermutation",
    "IntegerChain",
    "IntegerCoupling",
    "IntegerMultiScale",
    "IntegerPrior",
    "IntegerSqueeze",
    "Permuted",
    "TriangularIntegerCoupling",
]
