"""Every integer map by name, in small, for listing and for the conformance battery.

A constructor takes `unit=` and returns an unbuilt map of images with even sides and 4 channels.
"""

from functools import partial

from glf.integer_flows.chain import IntegerChain
from glf.integer_flows.coupling import IntegerCoupling, TriangularIntegerCoupling
from glf.integer_flows.permutation import ChannelPermutation, Permuted
from glf.integer_flows.squeeze import IntegerSqueeze
from glf.networks.dense_net_conditioner import DenseNetConditioner
from glf.networks.rezero_conditioner import RezeroConditioner

_dense = partial(DenseNetConditioner, growth=2, depth=1)
_rezero = partial(RezeroConditioner, filters=3, blocks=1)
_halves = partial(IntegerCoupling, 0.5, _rezero)
_triangular = partial(TriangularIntegerCoupling, 0.75, _rezero)

REGISTRY = {
    "chain": partial(IntegerChain, [IntegerSqueeze, partial(Permuted, _halves)], 1),
    "halves": _halves,
    "permutation": ChannelPermutation,
    "permutation_rotated": partial(ChannelPermutation, "rotated"),
    "permuted": partial(Permuted, _halves, order="rotated"),
    "permuted_back": partial(Permuted, _halves, back=True),
    "quarter": partial(IntegerCoupling, make_conditioner=_dense),
    "squeeze": IntegerSqueeze,
    "triangular": _triangular,
}
