"""Every dequantizer and every bound by name, in small, for listing and for their tests.

The constructor of a dequantizer takes `dtype=` and returns one that is not built yet; that of a
bound takes `num_samples=`.
"""

from functools import partial

from glf.bijectors.elementwise import AffineMap
from glf.bijectors.image_coupling import ImageCoupling
from glf.bijectors.mixture_logistic import MixtureLogisticMap
from glf.dequantizers.bounds import ELBO, ImportanceWeighted, Renyi
from glf.dequantizers.flow import (
    AutoregressiveDequantizer,
    FlowDequantizer,
    VariationalDequantizer,
)
from glf.dequantizers.uniform import UniformDequantizer
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.image_context import ImageContext
from glf.networks.masked_image_network import MaskedImageNetwork

_conditioner = partial(GlowConditioner, filters=6)
_small = {"make_context": partial(ImageContext, filters=6, blocks=1), "features": 5}


def _flow(dtype):
    coupling = partial(ImageCoupling, AffineMap, "checkerboard", dtype=dtype)
    return FlowDequantizer(partial(coupling, make_conditioner=_conditioner), **_small)


DEQUANTIZERS = {
    "autoregressive": partial(
        AutoregressiveDequantizer, make_network=partial(MaskedImageNetwork, filters=6), **_small
    ),
    "autoregressive_logistic": partial(
        AutoregressiveDequantizer,
        make_network=partial(MaskedImageNetwork, filters=6),
        noise="logistic",
        **_small,
    ),
    "flow": _flow,
    "uniform": UniformDequantizer,
    "variational": partial(VariationalDequantizer, 2, make_conditioner=_conditioner, **_small),
    "variational_logistic": partial(
        VariationalDequantizer,
        2,
        make_conditioner=_conditioner,
        noise="logistic",
        **_small,
    ),
    "variational_mixture": partial(
        VariationalDequantizer,
        2,
        partial(MixtureLogisticMap, components=3),
        _conditioner,
        mask="checkerboard",
        **_small,
    ),
}

BOUNDS = {
    "elbo": ELBO,
    "importance_weighted": ImportanceWeighted,
    "renyi": Renyi,
    "renyi_2": partial(Renyi, 2.0),
}
