"""A residual classifier of group convolutions."""

import keras
import numpy as np

from glf.layers.group_conv import GroupConv2D
from glf.layers.group_norm import GroupBatchNorm, GroupPooling
from glf.layers.group_residual import GroupResidualBlock
from glf.layers.hexagonal import ToHexagonal, radius_for
from glf.layers.lattice import HEXAGONAL, cells, halved, halving_size
from glf.layers.plane_groups import plane_group
from glf.networks.base import ImageClassifier


class GroupResNet(ImageClassifier):
    """Logits that are the same for an image and what the group makes of it.

    A group convolution of the image, `stages` stages of residual blocks, each stage but the first
    beginning with one that halves the image and doubles the channels, the mean over places and
    elements, and a linear layer (He et al. 2016, arXiv 1603.05027; with groups Cohen, Welling 2016,
    arXiv 1602.07576, and Hoogeboom, Peters, Cohen, Welling 2018, "HexaConv", arXiv 1803.02108,
    section 5.1). `filters` are those of "z2", and networks of all groups, on both lattices, have as
    many weights as that one, as near as whole channels come, see `stage_widths`. With the defaults
    44 layers, of 32, 64 and 128 channels without a group, and of 11, 23 and 45 for each element of
    p4m, as Cohen and Welling have it.

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
      ValueError: for numbers out of range, an unknown group, or sides that cannot be halved on the
        group's lattice or on that of "z2", see `lattice.halving_size`.
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
        widths = stage_widths(self.group, image_shape, classes, filters, blocks, stages, cover)
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


def stage_widths(group, image_shape, classes, filters, blocks, stages, cover):
    """Channels for each element, stage by stage, of a network of as many weights as that of "z2".

    About w, 2 w, 4 w, ..., rounded, with the w for which the number of weights comes nearest: near
    filters / sqrt(|G|) on the square lattice, more on the hexagonal one, whose kernels have fewer
    cells.
    """
    image = (image_shape, classes, blocks, cover)
    wanted = weights_of(plane_group("z2"), [filters * 2**stage for stage in range(stages)], *image)
    first = filters / np.sqrt(group.order) * np.geomspace(0.5, 2, 401)
    widths = np.maximum(1, np.rint(first[:, None] * 2 ** np.arange(stages))).astype(int)
    plans = sorted(set(map(tuple, widths.tolist())))
    return min(plans, key=lambda plan: abs(weights_of(group, plan, *image) - wanted))


def weights_of(group, widths, image_shape, classes, blocks, cover):
    """How many weights a `GroupResNet` of these channels for each element trains."""
    sides = image_shape[:2]
    if group.lattice == HEXAGONAL:
        sides = (2 * radius_for(*sides, cover) + 1,) * 2

    def number(size, sources, targets):
        return int(cells(group.lattice, size)[1].sum()) * sources * targets

    here = widths[0]
    count = number(3, image_shape[2], here)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            size = 3
            if stage > 0 and block == 0:
                size = halving_size(*sides)
                sides = tuple(halved(side) for side in sides)
            features = group.order * here
            count += 2 * (here + width) + number(size, features, width)
            count += number(3, group.order * width, width)
            count += 0 if here == width else features * width
            here = width
    return count + 2 * here + (here + 1) * classes
