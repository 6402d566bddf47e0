"""Every network by name and role, in small, for listing and for their tests.

A constructor takes what code gives to its role: `CONDITIONERS`, of vectors, and
`IMAGE_CONDITIONERS` take `units=` and `dtype=`, `MASKED` `parameters=` and `dtype=`, `TOKENS`
`units=` and `dtype=`, `AUTOENCODERS` `image_shape=` and `dtype=`, `CONDITION_ENCODERS` `spec=` and
`dtype=`, `CONTEXTS` `dtype=`, `CLASSIFIERS` `image_shape=`, `classes=` and `dtype=`. Frozen
features, whose weights come from files, are not among them.
"""

from functools import partial

from glf.networks.causal_transformer import CausalTransformer
from glf.networks.condition_encoders import Downsampled, LabelEmbedding, OneHotLabels, Paired
from glf.networks.conv_context import ConvContext
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.dense_net_conditioner import DenseNetConditioner
from glf.networks.downsampled_context import DownsampledContext
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

CONDITIONERS = {
    "dense": partial(DenseConditioner, hidden=5),
    "dense_drawn": partial(DenseConditioner, hidden=5, num_layers=1, init_deviation=0.05),
    "dense_plain": partial(
        DenseConditioner,
        hidden=5,
        num_layers=1,
        activation="tanh",
        batch_norm=False,
        zero_init_last=False,
    ),
}

_gated = partial(GatedAttentionConditioner, filters=4, blocks=2, heads=2, dropout=0.0)

IMAGE_CONDITIONERS = {
    "conv_context": partial(ConvContext, filters=3, size=3),
    "dense_net": partial(DenseNetConditioner, growth=3, depth=2),
    "dense_net_rezero": partial(DenseNetConditioner, growth=3, depth=1, rezero=True),
    "gated": partial(GatedAttentionConditioner, filters=4, blocks=1, attention=False),
    "gated_attention": _gated,
    "gated_attention_authors": partial(
        _gated,
        share_positions=True,
        attention_elu=False,
        condition_at_input=False,
        last="concat_elu",
    ),
    "gated_context": partial(GatedContext, blocks=1),
    "gated_context_attention": partial(
        GatedContext, blocks=1, heads=2, normalise=True, attention=True, dropout=0.5
    ),
    "glow": partial(GlowConditioner, filters=5),
    "glow_edges": partial(GlowConditioner, filters=5, edge_bias=True),
    "group": partial(GroupConditioner, group="z2", filters=5),
    "image_context": partial(ImageContext, filters=6, blocks=1),
    "residual": partial(ResidualConditioner, filters=5, blocks=1),
    "residual_authors": partial(
        ResidualConditioner, filters=3, blocks=1, double_input=True, skips=True, full_width=10
    ),
    "rezero": partial(RezeroConditioner, filters=5, blocks=1),
}

MASKED = {
    "made": partial(MADE, hidden=(6,)),
    "made_random": partial(MADE, hidden=(6, 6), order="random", seed=4, zero_init_last=False),
    "masked_image": partial(MaskedImageNetwork, filters=4, layers=1),
}

TOKENS = {"causal_transformer": partial(CausalTransformer, width=4, heads=2, layers=1)}

AUTOENCODERS = {
    "dense": partial(DenseAutoencoder, latent_size=5, hidden=(8, 6)),
    "group": partial(
        GroupAutoencoder, latent_size=5, filters=4, hidden=6, invariant=1, num_downsamples=1
    ),
    "infogan": partial(InfoGAN, latent_size=5, filters=4, hidden=8),
    "infogan_deep": partial(InfoGAN, latent_size=5, filters=2, hidden=8, num_downsamples=3),
    "linear": partial(DenseAutoencoder, latent_size=5, hidden=()),
    "residual": partial(ResidualAutoencoder, latent_size=5, filters=4, max_filters=6),
    "residual_flat": partial(
        ResidualAutoencoder, latent_size=5, filters=3, num_downsamples=1, blocks_per_level=1
    ),
    "spatial": partial(SpatialAutoencoder, encoded=3, decoded=3, filters=4, downsamplings=1),
}

CONDITION_ENCODERS = {
    "downsampled": partial(Downsampled, size=3, filters=4),
    "label_embedding": partial(LabelEmbedding, size=3),
    "one_hot_labels": OneHotLabels,
    "paired": partial(Paired, size=3, filters=4, layers=2),
    "residual_dense": partial(ResidualDense, size=3, filters=4, growth=2, blocks=1),
}

CONTEXTS = {"downsampled": DownsampledContext}

CLASSIFIERS = {"group": partial(GroupResNet, filters=4, blocks=1, stages=1)}
