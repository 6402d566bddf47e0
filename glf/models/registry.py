"""Every model by name, in small, with data it is for: for listing and for their tests.

Each entry is (spec, make): `make(spec)` returns the model, whose weights are random.
"""

from functools import partial

from glf.autoregressive.embedding import OneHot
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.bijectors import (
    IAF,
    ActNorm,
    AffineCoupling,
    BothHalvesCoupling,
    Chain,
    ImageCoupling,
    InvertibleConv1x1,
    Logit,
)
from glf.bijectors.elementwise import AffineMap
from glf.data.dataset import DataSpec
from glf.dequantizers import GaussianNoise, ImportanceWeighted, VariationalDequantizer
from glf.integer_flows import (
    IntegerChain,
    IntegerCoupling,
    IntegerMultiScale,
    IntegerPrior,
    Permuted,
)
from glf.models.autoregressive import Autoregressive
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.glf import GLF
from glf.models.integer_flow import IntegerFlow
from glf.models.likelihood_vae import LikelihoodVAE
from glf.models.pixel_flow import PixelFlow
from glf.models.pixel_logistic import LogisticSegmenter
from glf.models.posteriors import FlowPosterior
from glf.models.quantizers import ArgmaxStraightThrough
from glf.models.reconstruction import LearnedVariance
from glf.models.regularized_autoencoder import RegularizedAutoencoder
from glf.models.second_stage import SecondStage
from glf.models.two_stage_vae import TwoStageVAE
from glf.models.vae import VAE
from glf.models.vector_flow import VectorFlow
from glf.models.wae import WAE
from glf.networks.condition_encoders import Downsampled, LabelEmbedding, OneHotLabels, Paired
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.image_context import ImageContext
from glf.networks.made import MADE
from glf.networks.residual_conditioner import ResidualConditioner
from glf.networks.rezero_conditioner import RezeroConditioner
from glf.networks.spatial_autoencoder import SpatialAutoencoder
from glf.priors.fitted import FittedMixture
from glf.priors.flow import Flow
from glf.priors.multi_scale import MultiScale

IMAGES = DataSpec((4, 4, 1), 17, 3)
ODD = DataSpec((5, 4, 1), 17, 3)
COINS = DataSpec((4, 4, 1), 2, 3)
MASKS = DataSpec((4, 4, 1), 2, None, condition_shape=(4, 4, 3), condition_levels=256)
POINTS = DataSpec((2,), None, None)

_dense = partial(DenseConditioner, hidden=5, batch_norm=False, zero_init_last=False)
_glow = partial(GlowConditioner, filters=4)
_rezero = partial(RezeroConditioner, filters=4, blocks=1)
_pixel_cnn = partial(PixelCNN, filters=6, blocks=1, head=6, first_kernel=3)
_labels = partial(LabelEmbedding, size=3)
_smaller = partial(Downsampled, size=3, filters=4)
_paired = partial(Paired, size=3, filters=4, layers=2)

_autoregressive = partial(AutoregressiveModel, make_network=_pixel_cnn)
_latent_flow = partial(Flow, partial(BothHalvesCoupling, make_conditioner=_dense))
_map_flow = partial(
    Flow, partial(ImageCoupling, AffineMap, mask="checkerboard", make_conditioner=_glow)
)
_dense_autoencoder = partial(DenseAutoencoder, hidden=(8,))
_iaf = partial(IAF, make_network=partial(MADE, hidden=(6,), zero_init_last=False))
_spatial = {"filters": 6, "blocks": 1, "downsamplings": 1}


def _scale():
    return Chain([ActNorm, InvertibleConv1x1, partial(ImageCoupling, make_conditioner=_glow)])


_pixel_flow = partial(
    PixelFlow,
    make_density=partial(MultiScale, _scale, 2, make_preprocessing=partial(Logit, 0.05)),
)
_integers = partial(
    IntegerMultiScale,
    levels=1,
    make_level=partial(IntegerChain, [partial(Permuted, partial(IntegerCoupling, 0.5, _rezero))]),
    make_part=partial(IntegerPrior, _rezero),
    make_last=partial(IntegerPrior, _rezero, per_place=True),
)
_noisy_flow = partial(
    PixelFlow,
    make_density=partial(Flow, partial(ImageCoupling, make_conditioner=_glow, mask="checkerboard")),
    make_dequantizer=partial(GaussianNoise, 0.1),
    denoise=True,
)
_variational = partial(
    VariationalDequantizer,
    2,
    make_conditioner=_glow,
    make_context=partial(ImageContext, filters=4, blocks=1),
    features=3,
)

MODELS = {
    "autoregressive": (IMAGES, partial(Autoregressive, make_density=_autoregressive)),
    "autoregressive_labels": (
        IMAGES,
        partial(Autoregressive, make_density=_autoregressive, make_condition_encoder=_labels),
    ),
    "discrete_autoencoder": (
        IMAGES,
        partial(
            DiscreteAutoencoder,
            make_quantizer=partial(ArgmaxStraightThrough, channels=1, categories=4),
            make_autoencoder=partial(SpatialAutoencoder, **_spatial),
            make_prior=partial(_autoregressive, make_embedding=OneHot),
        ),
    ),
    "glf": (
        IMAGES,
        partial(
            GLF,
            latent_size=4,
            make_autoencoder=_dense_autoencoder,
            make_flow=_latent_flow,
            make_condition_encoder=_labels,
        ),
    ),
    "glf_maps": (
        IMAGES,
        partial(
            GLF,
            latent_size=2,
            make_autoencoder=partial(SpatialAutoencoder, **_spatial),
            make_flow=_map_flow,
            make_condition_encoder=_labels,
            latent_noise=0.3,
            unit_latents=True,
            label_drop=0.3,
        ),
    ),
    "integer_flow": (
        ODD,
        partial(IntegerFlow, make_density=_integers, make_condition_encoder=_labels),
    ),
    "iwae": (
        COINS,
        partial(
            LikelihoodVAE,
            latent_size=4,
            make_autoencoder=_dense_autoencoder,
            make_bound=partial(ImportanceWeighted, 3),
        ),
    ),
    "regularized_autoencoder": (
        IMAGES,
        partial(
            RegularizedAutoencoder,
            latent_size=3,
            make_autoencoder=_dense_autoencoder,
            make_prior=partial(FittedMixture, 2, examples=100),
            make_condition_encoder=OneHotLabels,
            latent_weight=0.1,
            decoder_weight=0.01,
            gradient_weight=0.1,
        ),
    ),
    "wae": (
        IMAGES,
        partial(
            WAE,
            latent_size=3,
            make_autoencoder=_dense_autoencoder,
            make_condition_encoder=_labels,
        ),
    ),
    "logistic_segmenter": (
        MASKS,
        partial(
            LogisticSegmenter,
            make_condition_encoder=_paired,
            make_conditioner=partial(ResidualConditioner, filters=4, blocks=1),
        ),
    ),
    "pixel_flow": (IMAGES, _pixel_flow),
    "pixel_flow_denoised": (IMAGES, partial(_noisy_flow, make_condition_encoder=_labels)),
    "pixel_flow_labels": (
        IMAGES,
        partial(_pixel_flow, make_dequantizer=_variational, make_condition_encoder=_labels),
    ),
    "pixel_flow_smaller": (
        IMAGES,
        partial(
            _pixel_flow,
            make_bound=partial(ImportanceWeighted, 3),
            make_condition_encoder=_smaller,
        ),
    ),
    "pixel_flow_paired": (
        MASKS,
        partial(_pixel_flow, make_dequantizer=_variational, make_condition_encoder=_paired),
    ),
    "two_stage_vae": (
        IMAGES,
        partial(
            TwoStageVAE,
            latent_size=4,
            make_autoencoder=_dense_autoencoder,
            make_second_stage=partial(SecondStage, make_network=_dense),
            make_condition_encoder=_labels,
        ),
    ),
    "vae": (
        IMAGES,
        partial(
            VAE,
            latent_size=4,
            make_autoencoder=_dense_autoencoder,
            make_reconstruction=LearnedVariance,
        ),
    ),
    "vae_flows": (
        IMAGES,
        partial(
            VAE,
            latent_size=4,
            make_autoencoder=_dense_autoencoder,
            make_prior=_latent_flow,
            make_posterior=partial(FlowPosterior, make_bijector=_iaf, context=2),
            make_condition_encoder=_labels,
        ),
    ),
    "vector_flow": (
        POINTS,
        partial(VectorFlow, make_flow=partial(Flow, partial(AffineCoupling, "second", _dense))),
    ),
}
