"""Residual autoencoders of images of any size."""

import math

import keras

from glf.layers.residual import ResidualBlock, batch_normalization
from glf.networks.autoencoder import Autoencoder, vectors


class ResidualAutoencoder(Autoencoder):
    """Images y in [0, 1] to latents z and back: [batch, height, width, channels], [batch, d].

    Encoder: a 3x3 convolution to `filters` channels; for each level a block that halves the image,
    rounding up, and doubles the channels up to `max_filters`, and `blocks_per_level` - 1 blocks
    that keep both; batch normalisation, ReLU and a linear layer to z, the only one with a bias.

    Decoder, its mirror: a linear layer to the smallest feature map; for each level
    `blocks_per_level` - 1 blocks and one that doubles the image, cropped to the size the encoder
    went through; batch normalisation, ReLU and a 3x3 convolution to h. Only the first and the last
    layer have a bias. The image is sigmoid(2h) = (tanh h + 1) / 2.

    The blocks are those of He et al. 2016, arXiv 1603.05027.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents, d.
      encoded: how many numbers the encoder gives; None: d.
      decoded: how many numbers the decoder takes; None: d.
      outputs: how many numbers the decoder gives for each pixel; None: one for each channel.
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
        encoded=None,
        decoded=None,
        outputs=None,
        filters=64,
        max_filters=256,
        num_downsamples=2,
        blocks_per_level=2,
        dtype=None,
    ):
        counts = {"filters": filters, "max_filters": max_filters}
        counts |= {"num_downsamples": num_downsamples, "blocks_per_level": blocks_per_level}
        super().__init__(
            image_shape, outputs=outputs, dtype=dtype, latent_size=latent_size, **counts
        )
        levels = range(num_downsamples + 1)
        self.channels = [min(filters * 2**level, max_filters) for level in levels]
        self.kept = blocks_per_level - 1
        self.make(*vectors(latent_size, encoded, decoded))

    def encoder_layers(self):
        """Blocks that halve the image, then a linear layer."""
        policy = self.dtype_policy
        layers = [self._convolution(self.channels[0], use_bias=False)]
        for width in self.channels[1:]:
            layers.append(ResidualBlock(width, resample="down", dtype=policy))
            layers += [ResidualBlock(width, dtype=policy) for _ in range(self.kept)]
        layers += [*self._normalised_relu(), keras.layers.Flatten(dtype=policy)]
        return [*layers, keras.layers.Dense(*self.code_shape, dtype=policy)]

    def decoder_layers(self):
        """A linear layer, then blocks that double the image."""
        policy, sizes = self.dtype_policy, self.halvings(len(self.channels) - 1)
        smallest = (*sizes[-1], self.channels[-1])
        layers = [keras.layers.Dense(math.prod(smallest), dtype=policy)]
        layers.append(keras.layers.Reshape(smallest, dtype=policy))
        for level in reversed(range(len(sizes) - 1)):
            width = self.channels[level + 1]
            layers += [ResidualBlock(width, dtype=policy) for _ in range(self.kept)]
            doubled = {"resample": "up", "output_size": sizes[level], "dtype": policy}
            layers.append(ResidualBlock(self.channels[level], **doubled))
        return [*layers, *self._normalised_relu(), self._convolution(self.outputs)]

    def _normalised_relu(self):
        policy = self.dtype_policy
        return [batch_normalization(policy), keras.layers.ReLU(dtype=policy)]

    def _convolution(self, filters, use_bias=True):
        options = {"padding": "same", "use_bias": use_bias, "dtype": self.dtype_policy}
        return keras.layers.Conv2D(filters, 3, **options)
