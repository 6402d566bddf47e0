"""Super-resolution's encoder: residual blocks of residual dense blocks."""

import keras
import tensorflow as tf

from glf.core.traced_once import traced_once, values
from glf.layers.track import track
from glf.networks.condition_encoders import LowerResolution

SLOPE = 0.2
# What a block adds to its input is weakened, so that many can follow each other.
STRENGTH = 0.2
LAYERS, GROUPS = 5, 3


class Conv3x3(keras.layers.Layer):
    """A 3x3 convolution whose kernel starts a tenth as large as He's (Wang et al. 2018)."""

    def __init__(self, inputs, outputs, *, dtype=None):
        super().__init__(dtype=dtype)
        start = keras.initializers.VarianceScaling(0.02, "fan_in", "untruncated_normal")
        shape = (3, 3, inputs, outputs)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=start)
        self.bias = self.add_weight(name="bias", shape=(outputs,), initializer="zeros")
        self.built = True

    def call(self, h):
        """[batch, height, width, inputs] to [batch, height, width, outputs]."""
        return _convolved(tf.cast(h, self.compute_dtype), *values(self.kernel, self.bias))


class ResidualDense(LowerResolution):
    """The image at a lower resolution, through residual-in-residual dense blocks.

    With c a convolution 3x3 and φ a leaky relu of slope 0.2, a dense block is

      h_i = φ(c_i(h, h_1, ..., h_i-1)), i = 1 ... 4      dense(h) = h + 0.2 c_5(h, h_1, ..., h_4)

    and a block is h + 0.2 dense(dense(dense(h))), of three of them. The network is a convolution,
    `blocks` blocks and a convolution with a residual around all of them, then for every factor 2
    of the resolution a doubling by nearest neighbours and a convolution, and two convolutions more
    (Wang et al. 2018, "ESRGAN", arXiv 1809.00219, section 3.1). With 16 blocks it is the encoder
    of Winkler, Worrall, Hoogeboom, Welling 2019 (arXiv 1912.00042). For the condition see
    `LowerResolution`.

    Args:
      spec: the `DataSpec` of what is modelled.
      factor: side of the blocks of pixels, at least 2; divides height and width.
      size: number of context features.
      filters: features between the blocks, at least 1.
      growth: features of each convolution in a dense block, at least 1.
      blocks: at least 1.

    Raises:
      ValueError: for arguments out of range, and for conditions of another shape.
    """

    def __init__(
        self,
        spec,
        *,
        factor=2,
        size=128,
        filters=64,
        growth=32,
        blocks=16,
        dtype=None,
    ):
        super().__init__(spec, factor, size, dtype=dtype)
        if min(filters, growth, blocks) < 1:
            raise ValueError(
                "ResidualDense needs filters, growth and blocks of at least 1, got "
                f"{filters}, {growth} and {blocks}."
            )
        self.filters, self.growth, self.blocks = filters, growth, blocks
        self.doublings = _doublings(factor)

        def convolution(inputs, outputs):
            return Conv3x3(inputs, outputs, dtype=self.dtype_policy)

        self.first = convolution(self.image_shape[2], filters)
        dense = [
            convolution(filters + i * growth, growth if i < LAYERS - 1 else filters)
            for _ in range(blocks * GROUPS)
            for i in range(LAYERS)
        ]
        self.dense = track(self, "dense", dense)
        self.trunk = convolution(filters, filters)
        larger = [convolution(filters, filters) for _ in self.doublings]
        self.larger = track(self, "larger", larger)
        self.fine = convolution(filters, filters)
        self.last = convolution(filters, size)
        self.built = True

    def encode(self, condition):
        """Images of lower resolution to [n, height, width, size]."""
        self._check(condition)
        h = self.first(self.scaled(condition))
        state = h
        for start in range(0, len(self.dense), GROUPS * LAYERS):
            layers = self.dense[start : start + GROUPS * LAYERS]
            weights = [values(layer.kernel, layer.bias) for layer in layers]
            state = _block(state, tuple(weights))
        h += self.trunk(state)
        for factor, convolution in zip(self.doublings, self.larger, strict=True):
            h = tf.repeat(tf.repeat(h, factor, axis=1), factor, axis=2)
            h = tf.nn.leaky_relu(convolution(h), SLOPE)
        return self.last(tf.nn.leaky_relu(self.fine(h), SLOPE))


@traced_once
def _block(h, weights):
    """Three dense blocks with a residual around them."""
    state = h
    for start in range(0, len(weights), LAYERS):
        parts = [state]
        for i, (kernel, bias) in enumerate(weights[start : start + LAYERS]):
            new = _convolved(tf.concat(parts, axis=-1), kernel, bias)
            parts.append(tf.nn.leaky_relu(new, SLOPE) if i < LAYERS - 1 else new)
        state += STRENGTH * parts[-1]
    return h + STRENGTH * state


def _convolved(h, kernel, bias):
    h = tf.nn.conv2d(h, tf.cast(kernel, h.dtype), 1, "SAME")
    return tf.nn.bias_add(h, tf.cast(bias, h.dtype))


def _doublings(factor):
    """Twos, as many as divide the factor, and what remains if that is more than 1."""
    factors = []
    while factor % 2 == 0:
        factors.append(2)
        factor //= 2
    return factors + [factor] * (factor > 1)
