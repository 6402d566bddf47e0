"""A two-dimensional convolution that sees rows above and, in its own row, what comes before."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from glf.layers.product_conv import valid_conv


class CausalConv2D(keras.layers.Layer):
    """A convolution over rows at or above its own, masked where the order forbids it.

    The kernel spans `rows` rows, the last of which is the output's own, and `columns` columns about
    the output's own. With mask "A" or "B" nothing to the right in the own row is seen; at the own
    pixel, where features come in `groups` equal parts (one for each colour in turn), part g of the
    output sees the parts of the input before g ("A") or up to g ("B") (van den Oord et al. 2016,
    "Pixel Recurrent Neural Networks", section 3.4). With mask None everything spanned is seen.

    The layer does not pad: a `View` puts the surroundings around its input, see `through`.

    Args:
      inputs: number of input features; divisible by `groups` if masked.
      filters: number of output features; divisible by `groups` if masked.
      rows: kernel rows, the own one and those above.
      columns: kernel columns; odd.
      mask: "A", "B" or None.
      groups: number of parts in which features are ordered.
      initializer: initializer of the kernel.

    Raises:
      ValueError: for sizes that do not fit.
    """

    def __init__(
        self,
        inputs,
        filters,
        *,
        rows=2,
        columns=3,
        mask="B",
        groups=1,
        initializer="he_normal",
        dtype=None,
    ):
        super().__init__(dtype=dtype)
        if rows < 1 or columns < 1 or columns % 2 == 0:
            raise ValueError(
                "CausalConv2D needs at least one row and an odd number of columns, got "
                f"rows={rows}, columns={columns}."
            )
        if mask not in ("A", "B", None):
            raise ValueError(f'CausalConv2D.mask is "A", "B" or None, got {mask!r}.')
        if mask is not None and (inputs % groups or filters % groups):
            raise ValueError(
                f"{inputs} inputs and {filters} filters must both divide into {groups} groups, one "
                "for each channel of the image; choose a multiple."
            )
        self.filters = filters
        self.above, self.side = rows - 1, columns // 2
        self.mask = None if mask is None else _mask(rows, columns, inputs, filters, mask, groups)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(rows, columns, inputs, filters),
            initializer=keras.initializers.get(initializer),
        )
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")
        self.held = None
        self.built = True

    def effective(self):
        """The kernel as it is applied, masked, and the bias."""
        kernel = self.kernel.value
        if self.mask is not None:
            kernel = kernel * tf.constant(self.mask, kernel.dtype)
        return tf.cast(kernel, self.compute_dtype), tf.cast(self.bias.value, self.compute_dtype)

    def through(self, view, h):
        """h [n, rows, columns, inputs] of a `View` to [n, rows, columns, filters]."""
        if self.above or self.side:
            h = view.around(h, self.above, self.side, self.side)
        return self.convolve(h)

    def of_data(self, view):
        """The convolution of the data itself, as the view embeds it."""
        return self.convolve(view.data(self.above, self.side, self.side))

    def convolve(self, padded):
        """The convolution without padding."""
        kernel, bias = self.held or self.effective()
        y = valid_conv(tf.cast(padded, kernel.dtype), kernel)
        return tf.nn.bias_add(y, bias)


@contextlib.contextmanager
def hold_weights(layer):
    """Computes what `effective` gives once for all masked layers in `layer`.

    Within the block they use it as it is: a loop of many small steps that is built there masks no
    kernel in its steps. Such a layer has `held` and `effective`, as this file's and `MaskedDense`.
    """
    convolutions = [part for part in layer._flatten_layers() if hasattr(part, "held")]
    # Past Keras and TensorFlow, for which an attribute is a part of the model's state.
    for part in convolutions:
        part.__dict__["held"] = part.effective()
    try:
        yield
    finally:
        for part in convolutions:
            part.__dict__["held"] = None


def _mask(rows, columns, inputs, filters, kind, groups):
    mask = np.ones((rows, columns, inputs, filters))
    middle = columns // 2
    mask[-1, middle + 1 :] = 0
    before = np.arange(inputs) // (inputs // groups)
    own = np.arange(filters) // (filters // groups)
    seen = before[:, None] < own[None] if kind == "A" else before[:, None] <= own[None]
    mask[-1, middle] = seen
    return mask
