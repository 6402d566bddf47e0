"""A residual classifier of group convolutions."""

import keras

from glf.layers.group_conv import GroupConv2D
from glf.layers.group_norm import GroupBatchNorm, GroupPooling
from glf.layers.group_residual import GroupResidualBlock
from glf.layers.hexagonal import ToHexagonal
from glf.layers.lattice import HEXAGONAL
from glf.layers.plane_groups import filters_for, plane_group
from glf.networks.base import ImageClassifier


class GroupResNet(ImageClassifier):
    """Logits that are the same for an image and what the group makes of it.

    A group convolution of the image, `stages` stages of residual blocks, each stage but the first
    beginning with one that halves the image and doubles the channels, the mean over places and
    elements, and a linear layer (He et al. 2016, arXiv 1603.05027; with groups Cohen, Welling 2016,
    arXiv 1602.07576, and Hoogeboom, Peters, Cohen, Welling 2018, "HexaConv", arXiv 1803.02108,
    section 5.1). Networks of all groups of a lattice have as many weights, up to rounding, see
    `plane_groups.filters_for`; on the hexagonal one fewer, whose kernels have fewer cells, unless
    `filters` are more. With the defaults 44 layers, of 32, 64 and 128 channels without a
    group, and of 11, 23 and 45 for each element of p4m, as Cohen and Welling have it.

    On the hexagonal lattice the image is resampled first, see `ToHexagonal`; the logits are then
    those of a turned image as far as resampling is exact.

    Args:
      image_shape: (height, width, channels) of images in [0, 1].
      classes: the number of logits.
      group: one of `plane_groups.GROUP_NAMES`.
      filters: channels of the first stage, of "z2".
      blocks: residual blocks of each stage, at least 1.
      stages: how many stages, at least 1.
      cover: what of an image a hexagonal one covers, "disc" or "image".

    Raises:
      ValueError: for numbers out of range, an unknown group, or sides that cannot be halved, see
        `lattice.halving_size`.
    """

    def __init__(
        self,
        image_shape,
        classes,
        *,
        group="p4",
        filters=32,
        blocks=7,
        stages=3,
        cover="disc",
        dtype=None,
    ):
        super().__init__(image_shape, classes, dtype=dtype)
        if min(filters, blocks, stages) < 1:
            raise ValueError(
                f"GroupResNet needs filters, blocks and stages >= 1, got {filters}, {blocks} and "
                f"{stages}."
            )
        self.group, policy = plane_group(group), self.dtype_policy
        options = {"dtype": policy}
        layers = [keras.Input(image_shape), keras.layers.Rescaling(2.0, -1.0, **options)]
        if self.group.lattice == HEXAGONAL:
            layers.append(ToHexagonal(cover, **options))
        widths = [filters_for(self.group, filters * 2**stage) for stage in range(stages)]
        layers.append(GroupConv2D(widths[0], group, image=True, use_bias=False, **options))
        for stage, width in enumerate(widths):
            for block in range(blocks):
                down = stage > 0 and block == 0
                layers.append(GroupResidualBlock(width, group, down=down, **options))
        layers += [GroupBatchNorm(group, **options), keras.layers.ReLU(**options)]
        layers.append(GroupPooling(group, "mean", over_places=True, **options))
        self.network = keras.Sequential([*layers, keras.layers.Dense(classes, **options)])
        self.built = True

    def call(self, y, training=False):
        """Logits [batch, classes] of images [batch, height, width, channels] in [0, 1]."""
        return self.network(y, training=training)
