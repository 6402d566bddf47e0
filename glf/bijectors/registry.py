"""Every bijector by name, in small, for listing and for the conformance battery.

A constructor takes `dtype=` and returns an unbuilt bijector: in `REGISTRY` of vectors of any size
d >= 2, in `IMAGES` of images; the names of the latter say what they need: even sides to "squeeze"
or for "patches", several channels for a "channel" mask, data in [0, 1] for a "logit". Every
concrete class of this package stands here at least once, `Unsqueeze` behind a squeeze; those with
distinct ways through their code stand here once for each; those of the group p4, which need
channels in four groups, are held to the same by `tests/priors/test_p4_flow.py`.
"""

from functools import partial

from glf.bijectors.act_norm import ActNorm
from glf.bijectors.autoregressive import IAF, MAF
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
from glf.bijectors.elementwise import SigmoidAffineMap, TanhAffineMap
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
from glf.networks.causal_transformer import CausalTransformer
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.made import MADE
from glf.networks.masked_image_network import MaskedImageNetwork

_dense = partial(DenseConditioner, hidden=8)
_made = partial(MADE, hidden=(8, 8))
_transformer = partial(CausalTransformer, width=4, heads=2, layers=1, expansion=2)
_spline = partial(SplineMap, num_bins=4, bound=3.0)


def _chain(dtype):
    return Chain(
        [
            partial(AffineCoupling, "first", _dense, dtype=dtype),
            partial(LULinear, dtype=dtype),
            partial(SplineCoupling, "second", _dense, num_bins=4, dtype=dtype),
        ]
    )


def _repeated(dtype):
    dense = partial(_dense, num_layers=1)
    layers = [partial(BothHalvesCoupling, make_conditioner=dense), RandomPermutation]
    return Chain([partial(layer, dtype=dtype) for layer in layers], repeats=2)


REGISTRY = {
    "act_norm": ActNorm,
    "additive_coupling": partial(AdditiveCoupling, make_conditioner=_dense),
    "affine_coupling": partial(AffineCoupling, make_conditioner=_dense),
    "affine_coupling_first": partial(
        AffineCoupling, "first", _dense, separate_networks=True, clamp=1.5
    ),
    "batch_norm": BatchNorm,
    "both_halves_affine": partial(BothHalvesCoupling, make_conditioner=_dense),
    "both_halves_spline": partial(BothHalvesCoupling, _spline, _dense, separate_networks=False),
    "chain": _chain,
    "coupling": partial(
        Coupling, TanhAffineMap, make_conditioner=partial(_dense, batch_norm=False)
    ),
    "diagonal_scaling": DiagonalScaling,
    "even_odd_permutation": EvenOddPermutation,
    "householder": Householder,
    "householder_single": partial(Householder, num_reflections=1),
    "iaf": partial(IAF, TanhAffineMap, make_network=partial(_made, order="reversed")),
    "inverted_planar": lambda dtype: Invert(partial(Planar, _dense, dtype=dtype)),
    "lu_linear": LULinear,
    "maf": partial(MAF, make_network=_made),
    "maf_spline": partial(
        MAF, make_map=_spline, make_network=partial(_made, order="random", seed=1)
    ),
    "planar": partial(Planar, make_conditioner=_dense),
    "radial": partial(Radial, make_conditioner=_dense),
    "random_permutation": RandomPermutation,
    "repeated": _repeated,
    "spline_coupling": partial(SplineCoupling, make_conditioner=_dense, num_bins=4, bound=3.0),
    "whitening": Whitening,
}

_glow = partial(GlowConditioner, filters=4)
_checkerboard = partial(ImageCoupling, mask="checkerboard", make_conditioner=_glow)


def _squeezed(dtype):
    """A scale of Glow, after RealNVP's preprocessing."""
    layers = [ActNorm, InvertibleConv1x1, partial(ImageCoupling, make_conditioner=_glow)]
    step = partial(Chain, [partial(layer, dtype=dtype) for layer in layers])
    return Chain([partial(Logit, dtype=dtype), partial(Squeeze, dtype=dtype), step])


IMAGES = {
    "act_norm": ActNorm,
    "act_norm_per_pixel": partial(ActNorm, per_pixel=True),
    "center": partial(Center, scale=2.0),
    "channel_coupling": partial(ImageCoupling, make_conditioner=_glow),
    "channel_coupling_flipped": partial(
        ImageCoupling, SigmoidAffineMap, flip=True, make_conditioner=_glow
    ),
    "coupling_checkerboard": partial(_checkerboard, TanhAffineMap),
    "coupling_checkerboard_flipped": partial(_checkerboard, _spline, flip=True),
    "coupling_packed_checkerboard": partial(
        ImageCoupling,
        # Between components much narrower than their distance the map is flat to the last digit.
        partial(MixtureLogisticMap, components=3, min_log_scale=-1.0),
        mask="packed_checkerboard",
        make_conditioner=_glow,
    ),
    "emerging_conv": EmergingConv,
    "flatten": Flatten,
    "image_iaf": partial(
        ImageIAF, make_network=partial(MaskedImageNetwork, filters=4, layers=1, first_kernel=3)
    ),
    "invertible_conv_full_columns": partial(InvertibleConv1x1, "full", "packed_columns"),
    "invertible_conv_plu": InvertibleConv1x1,
    "invertible_conv_qr": partial(InvertibleConv1x1, "qr"),
    "logit": Logit,
    "periodic_conv": PeriodicConv,
    "squeeze": Squeeze,
    "squeeze_channels": partial(Squeeze, order="channels"),
    "squeeze_checkerboard": partial(Squeeze, order="checkerboard"),
    "squeezed_channel_coupling_logit": _squeezed,
    "transformer_patches": partial(
        TransformerAutoregressive, patch=2, order="reversed", make_network=_transformer
    ),
    "unsqueeze_squeezed": lambda dtype: Chain(
        [partial(Squeeze, dtype=dtype), partial(Unsqueeze, dtype=dtype)]
    ),
}
