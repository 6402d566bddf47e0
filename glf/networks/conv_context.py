"""Two plain convolutions that make a context into fewer features."""

import keras
import tensorflow as tf

from glf.layers.context import with_context
from glf.networks.base import ImageConditioner


class ConvContext(ImageConditioner):
    """conv(relu(conv(h))) with kernels of one size.

    With the defaults the network that the authors of mAR-SCF (Bhattacharyya et al. 2020) put before
    the context of their prior.

    Args:
      units: number of outputs at each position, at least 1.
      filters: features between the convolutions, at least 1.
      size: side of the square kernels, odd.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range.
    """

    starts_at_zero = False

    def __init__(self, units, *, filters=32, size=5, dtype="float32"):
        super().__init__(units, dtype=dtype)
        if min(units, filters, size) < 1 or size % 2 == 0:
            raise ValueError(
                "ConvContext needs units >= 1, filters >= 1 and an odd size, got "
                f"{units}, {filters} and {size}."
            )
        options = {"padding": "same", "dtype": self.dtype}
        self.first = keras.layers.Conv2D(filters, size, activation="relu", **options)
        self.last = keras.layers.Conv2D(units, size, **options)

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        features = input_shape[-1] + (0 if condition_shape is None else condition_shape[-1])
        self.first.build((*input_shape[:3], features))
        self.last.build((*input_shape[:3], self.first.filters))

    def call(self, inputs, condition=None, training=False):
        """Returns the features, [batch, h, w, units]."""
        h = tf.cast(with_context(inputs, condition), self.compute_dtype)
        return self.last(self.first(h))
