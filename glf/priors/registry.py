"""Every prior by name, in small, for listing and for their tests.

A constructor takes `dtype=` and returns a prior that is not built yet: those of `POINTS` for events
of any shape or for vectors of at least two dimensions, those of `IMAGES` for images of at least two
channels, even height and width.
"""

from functools import partial

from glf.bijectors import ActNorm, BothHalvesCoupling, Chain, ImageCoupling, InvertibleConv1x1
from glf.families.mixture_of_logistics import MixtureOfLogistics
from glf.networks.conv_context import ConvContext
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors.channel_autoregressive import ChannelAutoregressive
from glf.priors.conditional_gaussian import ConditionalGaussian
from glf.priors.factored_out import FactoredOut
from glf.priors.fitted import FittedGaussian, FittedMixture
from glf.priors.flow import Flow
from glf.priors.learned import DiagonalGaussian, GaussianMixture
from glf.priors.multi_scale import MultiScale
from glf.priors.standard import StandardLogistic, StandardNormal


def _flow(dtype):
    dense = partial(DenseConditioner, hidden=5, batch_norm=False)
    return Flow(
        partial(BothHalvesCoupling, make_conditioner=dense, dtype=dtype),
        partial(StandardNormal, dtype=dtype),
    )


def _factored_out(dtype):
    return FactoredOut(
        partial(ConditionalGaussian, dtype=dtype), partial(StandardLogistic, dtype=dtype)
    )


def _multi_scale(dtype, make_part=ConditionalGaussian):
    network = partial(GlowConditioner, filters=4)

    layers = [ActNorm, InvertibleConv1x1, partial(ImageCoupling, make_conditioner=network)]
    return MultiScale(
        partial(Chain, [partial(layer, dtype=dtype) for layer in layers]),
        2,
        make_preprocessing=None,
        make_part=partial(make_part, dtype=dtype),
        make_last=partial(make_part, dtype=dtype),
        dtype=dtype,
    )


_channels = partial(ChannelAutoregressive, hidden=4, layers=2)
_whole = partial(
    ChannelAutoregressive,
    hidden=3,
    layers=1,
    dilation=2,
    make_context_network=partial(ConvContext, filters=3),
    embed=True,
    last_size=3,
)
_mixture = partial(_channels, make_family=partial(MixtureOfLogistics, components=2))

POINTS = {
    "diagonal_gaussian": DiagonalGaussian,
    "fitted_gaussian": partial(FittedGaussian, examples=50),
    "fitted_mixture": partial(FittedMixture, 3, examples=50),
    "flow": _flow,
    "gaussian_mixture": partial(GaussianMixture, 3),
    "gaussian_mixture_full": partial(GaussianMixture, 3, full=True, start=0.7),
    "standard_logistic": StandardLogistic,
    "standard_normal": StandardNormal,
}

IMAGES = {
    "channel_autoregressive": _channels,
    "channel_autoregressive_mixture": _mixture,
    "channel_autoregressive_whole": _whole,
    "conditional_gaussian": ConditionalGaussian,
    "conditional_gaussian_edges": partial(ConditionalGaussian, edge_bias=True),
    "factored_out": _factored_out,
    "multi_scale": _multi_scale,
    "multi_scale_mar": partial(_multi_scale, make_part=_mixture),
}
