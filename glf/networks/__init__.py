"""Networks by role: autoencoders, conditioners, masked networks, condition encoders, features."""

from glf.networks.autoencoder import Autoencoder
from glf.networks.base import (
    Conditioner,
    ContextNetwork,
    ImageClassifier,
    ImageConditioner,
    MaskedNetwork,
    TokenNetwork,
)
from glf.networks.causal_transformer import CausalTransformer
from glf.networks.condition_encoders import (
    ConditionEncoder,
    Downsampled,
    LabelEmbedding,
    OneHotLabels,
    Paired,
)
from glf.networks.conv_context import ConvContext
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.dense_net_conditioner import DenseNetConditioner
from glf.networks.downsampled_context import DownsampledContext
from glf.networks.features import FrozenFeatures, SqueezeNetFeatures, VGG16Features
from glf.networks.gated_attention_conditioner import GatedAttentionConditioner
from glf.networks.gated_context import GatedContext
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.group_autoencoder import GroupAutoencoder
from glf.networks.group_conditioner import GroupConditioner
from glf.networks.group_resnet import GroupResNet
from glf.networks.image_context import ImageContext
from glf.networks.infogan import InfoGAN
from glf.networks.made import MADE
from glf.networks.masked_image_network import MaskedImageNetwork
from glf.networks.residual_autoencoder import ResidualAutoencoder
from glf.networks.residual_conditioner import ResidualConditioner
from glf.networks.residual_dense_encoder import ResidualDense
from glf.networks.rezero_conditioner import RezeroConditioner
from glf.networks.spatial_autoencoder import SpatialAutoencoder

__all__ = [
    "MADE",
    "Autoencoder",
    "CausalTransformer",
    "ConditionEncoder",
    "Conditioner",
    "ContextNetwork",
    "ConvContext",
    "DenseAutoencoder",
    "DenseConditioner",
    "DenseNetConditioner",
    "Downsampled",
    "DownsampledContext",
    "FrozenFeatures",
    "GatedAttentionConditioner",
    "GatedContext",
    "GlowConditioner",
    "GroupAutoencoder",
    "GroupConditioner",
    "GroupResNet",
    "ImageClassifier",
    "ImageConditioner",
    "ImageContext",
    "InfoGAN",
    "LabelEmbedding",
    "MaskedImageNetwork",
    "MaskedNetwork",
    "OneHotLabels",
    "Paired",
    "ResidualAutoencoder",
    "ResidualConditioner",
    "ResidualDense",
    "RezeroConditioner",
    "SpatialAutoencoder",
    "SqueezeNetFeatures",
    "TokenNetwork",
    "VGG16Features",
]
