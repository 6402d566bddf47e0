"""A network that makes an image into a context."""

from glf.layers.same_conv import SameConv2D
from glf.networks.residual_conditioner import ResidualConditioner


class ImageContext(ResidualConditioner):
    """Features of an image at each of its positions: a convolution 3x3 and residual blocks.

      h ← conv3x3(x)      h ← h + conv3x3(relu(conv3x3(relu(h))))      features = conv1x1(relu(h))

    The network of `ResidualConditioner`, whose last kernel does not start at zero, for what is made
    of the features does.

    Args:
      units: number of features given at each position, at least 1.
      filters: width of the hidden layers, at least 1.
      blocks: number of residual blocks, at least 0.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    starts_at_zero = False
    _last = SameConv2D

    def __init__(self, units, *, filters=32, blocks=2, dtype="float32"):
        super().__init__(units, filters=filters, blocks=blocks, dtype=dtype)
