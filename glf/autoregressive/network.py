"""Causal networks: features of every pixel from what comes before it."""

import abc

import keras

from glf.layers.causal_conv import CausalConv2D
from glf.layers.track import track


class CausalNetwork(keras.layers.Layer, abc.ABC):
    """Features h of each pixel that depend only on pixels before it, in raster order.

    With `groups` > 1 the features come in as many equal parts, one for each channel in order, and
    part g may depend on channels before g of the pixel itself, too.

    A network is written against a `View`. What it computes comes in two stages: `rows`, features
    that depend on rows above only, and `pixels`, which may depend on pixels before in the own row.
    A view of a single pixel is only ever given to `pixels`. What a view is given to keep
    of a pixel must depend only on those before it: it may be kept before the pixel is decided.

    Args:
      image_shape: (height, width, channels).
      data_features: the number of features in which a view embeds a pixel.
      groups: the number of parts features come in.
      context_size: number of context features, or None without a condition.

    Attributes:
      features: the number of output features, set by subclasses; divisible by `groups`.
      alignment: windows of rows start and end at multiples of this.
      pixelwise: whether `pixels` accepts a view of one pixel.
    """

    given_by_code = ("image_shape", "data_features", "groups", "context_size", "dtype")

    alignment = 1
    pixelwise = True

    def __init__(self, image_shape, data_features, groups, context_size, *, dtype=None):
        super().__init__(dtype=dtype)
        self.image_shape = tuple(image_shape)
        self.data_features = data_features
        self.groups = groups
        self.context_size = context_size
        self.built = True

    def convolution(self, inputs, outputs, rows=1, columns=1, mask="B"):
        """A `CausalConv2D` of the network's groups and dtype."""
        sizes = {"rows": rows, "columns": columns, "mask": mask, "groups": self.groups}
        return CausalConv2D(inputs, outputs, **sizes, dtype=self.dtype_policy)

    def listed(self, prefix, make, number):
        """[make(0), ..., make(number - 1)], layers that checkpoints see as prefix_0, ..."""
        return track(self, prefix, [make(i) for i in range(number)])

    def of_contexts(self, prefix, units, number):
        """`number` matrices of the context without biases; none where there is no context."""

        def make(i):
            layer = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)
            layer.build((None, self.context_size))
            return layer

        return self.listed(prefix, make, number if self.context_size else 0)

    def rows(self, view, context=None):
        """Features of the view's rows from rows above: a tuple of [n, rows, width, ...]."""
        return ()

    @abc.abstractmethod
    def pixels(self, view, from_rows, context=None):
        """The features [n, rows, columns, features] of the view's pixels.

        Args:
          view: a `View`.
          from_rows: what `rows` gave, at the view's pixels.
          context: [n, 1 or height, 1 or width, context_size] or None, of the whole image.
        """
