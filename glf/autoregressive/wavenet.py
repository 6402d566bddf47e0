"""WaveNet: dilated causal convolutions along time."""

import tensorflow as tf

from glf.autoregressive.network import CausalNetwork
from glf.layers.dilated_conv import DilatedCausalConv
from glf.layers.gates import gated


class WaveNet(CausalNetwork):
    """Gated dilated convolutions with residuals and skips (van den Oord et al. 2016).

    "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499. Sequences are images of one
    column, (time, 1, channels). A causal convolution of the values before, then for each dilation d

      (a, b) = W_0 h_{t-d} + W_1 h_t + V context,     z = tanh(a) sigmoid(b),
      h = h + conv_1x1(z),                            skip = skip + conv_1x1(z)

    (equation 2 and figure 4), and relu(conv_1x1(relu(skip))) at the end. Dilations double, 1, 2,
    4, ..., 2^(dilations - 1), and start again in each cycle, so that with the first convolution's
    `first_kernel` values the last cycles * (2^dilations - 1) + first_kernel values are seen.

    For images in raster order see `raster` of `AutoregressiveModel`.

    Args:
      filters: features of the residual stream and of the gated units.
      dilations: dilated layers in a cycle.
      cycles: number of cycles.
      first_kernel: number of values that the first convolution sees.
      head: features of the skips, and of the output.

    Raises:
      ValueError: for sizes that are out of range, and for images of more than one column.
    """

    def __init__(
        self,
        image_shape,
        data_features,
        groups=1,
        context_size=None,
        *,
        filters=32,
        dilations=10,
        cycles=3,
        first_kernel=1,
        head=128,
        dtype=None,
    ):
        super().__init__(image_shape, data_features, groups, context_size, dtype=dtype)
        if image_shape[1] != 1:
            raise ValueError(
                "WaveNet models sequences, of image shape (time, 1, channels), got "
                f"{self.image_shape}; bind AutoregressiveModel.raster = True to model an image as "
                "a sequence, or take a network of two dimensions."
            )
        if dilations < 1 or cycles < 1 or first_kernel < 1:
            raise ValueError(
                "WaveNet.dilations, WaveNet.cycles and WaveNet.first_kernel must be at least 1, "
                f"got {dilations}, {cycles} and {first_kernel}."
            )
        self.features = head
        steps = [2**i for i in range(dilations)] * cycles
        layers = len(steps)

        def dilated(i):
            return DilatedCausalConv(
                filters, 2 * filters, steps[i], groups=groups, dtype=self.dtype_policy
            )

        def residual(i):
            return self.convolution(filters, filters)

        self.first = self.convolution(data_features, filters, rows=first_kernel + 1, mask="A")
        self.dilated = self.listed("dilated", dilated, layers)
        # The last layer's residual would lead nowhere.
        self.residuals = self.listed("residual", residual, layers - 1)
        self.skips = self.listed("skip", lambda i: self.convolution(filters, head), layers)
        self.contexts = self.of_contexts("context", 2 * filters, layers)
        self.last = self.convolution(head, head)

    def pixels(self, view, from_rows, context=None):
        """See `CausalNetwork`."""
        context = None if context is None else view.crop(context)
        h, skip = self.first.of_data(view), 0.0
        for i, dilated in enumerate(self.dilated):
            a = dilated.through(view, h)
            if context is not None:
                a += self.contexts[i](context)
            z = gated(a, self.groups)
            skip += self.skips[i].through(view, z)
            if i < len(self.residuals):
                h += self.residuals[i].through(view, z)
        return tf.nn.relu(self.last.through(view, tf.nn.relu(skip)))
