"""A residual encoder and decoder for images of any size."""

import keras

from glf.layers.residual import ResidualBlock, batch_normalization
from glf.networks.shapes import check_image_network, halvings


class ResidualEncoder(keras.layers.Layer):
    """Images y in [0, 1] to latents z: [batch, height, width, channels] to [batch, latent_size].

    A 3x3 convolution to `filters` channels; for each level a block that halves the image, rounding
    up, and doubles the channels up to `max_filters`, and `blocks_per_level` - 1 blocks that keep
    both; batch normalisation, ReLU and a linear layer to z. Only that last layer has a bias. The
    blocks are those of He et al. 2016, arXiv 1603.05027. Computes in `dtype`, by default Keras'
    global policy, and returns float32.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents.
      filters: channels before the first block.
      max_filters: the most channels of any block.
      num_downsamples: the number of levels.
      blocks_per_level: residual blocks of each level.

    Raises:
      ValueError: if a size is not positive.
    """

    def __init__(
        self,
        image_shape,
        latent_size,
        *,
        filters=64,
        max_filters=256,
        num_downsamples=2,
        blocks_per_level=2,
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        shape = check_image_network(
            "ResidualEncoder",
            image_shape,
            latent_size,
            filters=filters,
            max_filters=max_filters,
            num_downsamples=num_downsamples,
            blocks_per_level=blocks_per_level,
        )
        policy = self.dtype_policy
        channels = _channels(filters, max_filters, num_downsamples)
        layers = [keras.Input(shape), _convolution(channels[0], policy, use_bias=False)]
        for width in channels[1:]:
            layers.append(ResidualBlock(width, resample="down", dtype=policy))
            layers += [ResidualBlock(width, dtype=policy) for _ in range(blocks_per_level - 1)]
        layers += [
            batch_normalization(policy),
            keras.layers.ReLU(dtype=policy),
            keras.layers.Flatten(dtype=policy),
            keras.layers.Dense(latent_size, dtype=policy),
            keras.layers.Activation("linear", dtype="float32"),
        ]
        self.network = keras.Sequential(layers)

    def call(self, y, training=False):
        """y [batch, height, width, channels] in [0, 1] to z [batch, latent_size], float32."""
        return self.network(y, training=training)


class ResidualDecoder(keras.layers.Layer):
    """Latents z to pre-activations h: [batch, latent_size] to [batch, height, width, channels].

    The image is sigmoid(2h) = (tanh h + 1) / 2. The mirror of `ResidualEncoder`: a linear layer to
    the smallest feature map; for each level `blocks_per_level` - 1 blocks and one that doubles the
    image, cropped to the size the encoder went through; batch normalisation, ReLU and a 3x3
    convolution to h. Only the first and the last layer have a bias. Precision and arguments as in
    the encoder.

    Raises:
      ValueError: if a size is not positive.
    """

    def __init__(
        self,
        image_shape,
        latent_size,
        *,
        filters=64,
        max_filters=256,
        num_downsamples=2,
        blocks_per_level=2,
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        shape = check_image_network(
            "ResidualDecoder",
            image_shape,
            latent_size,
            filters=filters,
            max_filters=max_filters,
            num_downsamples=num_downsamples,
            blocks_per_level=blocks_per_level,
        )
        policy = self.dtype_policy
        channels = _channels(filters, max_filters, num_downsamples)
        sizes = halvings(shape, num_downsamples)
        smallest = (*sizes[-1], channels[-1])
        layers = [
            keras.Input((latent_size,)),
            keras.layers.Dense(smallest[0] * smallest[1] * smallest[2], dtype=policy),
            keras.layers.Reshape(smallest, dtype=policy),
        ]
        for level in reversed(range(num_downsamples)):
            width = channels[level + 1]
            layers += [ResidualBlock(width, dtype=policy) for _ in range(blocks_per_level - 1)]
            layers.append(
                ResidualBlock(
                    channels[level], resample="up", output_size=sizes[level], dtype=policy
                )
            )
        layers += [
            batch_normalization(policy),
            keras.layers.ReLU(dtype=policy),
            _convolution(shape[2], policy),
            keras.layers.Activation("linear", dtype="float32"),
        ]
        self.network = keras.Sequential(layers)

    def call(self, z, training=False):
        """z [batch, latent_size] to h [batch, height, width, channels], float32."""
        return self.network(z, training=training)


def _channels(filters, max_filters, num_downsamples):
    return [min(filters * 2**level, max_filters) for level in range(num_downsamples + 1)]


def _convolution(filters, policy, use_bias=True):
    return keras.layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, dtype=policy)
