"""Autoencoders whose codes are small images: for discrete codes, and for maps of latents."""

import keras
import tensorflow as tf

from glf.layers.residual import repeat_pixels
from glf.networks.autoencoder import Autoencoder


class SpatialAutoencoder(Autoencoder):
    """Images y in [0, 1] to features [batch, h, w, encoded], and [batch, h, w, decoded] to images.

    Encoder: a 3x3 convolution of 2y - 1; for each halving a 4x4 convolution of stride 2; `blocks`
    residual blocks

      h + conv_1x1(relu(conv_3x3(relu(h)))),

    and a 1x1 convolution of relu(h) to the features: the encoder of VQ-VAE (van den Oord et al.
    2017, arXiv 1711.00937), of any depth. Odd sides are rounded up.

    Decoder, its mirror: a 3x3 convolution, the residual blocks, then for each level a 3x3
    convolution of the image repeated to twice its size and cropped to the size that the encoder
    went through, and a 3x3 convolution to h, which stands for the image sigmoid(2h).

    There is no normalisation, so that an image has the same code in training and afterwards.

    Args:
      image_shape: (height, width, channels) of the images.
      encoded: the number of features that the encoder gives; None: `latent_size`.
      decoded: the number of features that the decoder takes; None: `latent_size`.
      latent_size: the number of latents at each place of the map.
      outputs: see `Autoencoder`.
      filters: features inside.
      downsamplings: how many times the image is halved, at least 0.
      blocks: number of residual blocks of each, at least 0.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(
        self,
        image_shape,
        encoded=None,
        decoded=None,
        *,
        latent_size=None,
        outputs=None,
        filters=128,
        downsamplings=2,
        blocks=2,
        dtype=None,
    ):
        encoded = latent_size if encoded is None else encoded
        decoded = latent_size if decoded is None else decoded
        if encoded is None or decoded is None:
            raise ValueError("SpatialAutoencoder needs encoded and decoded, or latent_size.")
        counts = {"encoded": encoded, "decoded": decoded, "filters": filters}
        super().__init__(image_shape, outputs=outputs, dtype=dtype, **counts)
        for name, value in {"downsamplings": downsamplings, "blocks": blocks}.items():
            if value < 0:
                raise ValueError(f"SpatialAutoencoder.{name} must be at least 0, got {value}.")
        self.filters, self.blocks = filters, blocks
        self.sizes = self.halvings(downsamplings)
        self.make((*self.sizes[-1], encoded), (*self.sizes[-1], decoded))

    def encoder_layers(self):
        """Convolutions that halve the image, then residual blocks."""
        policy, filters = self.dtype_policy, self.filters
        layers = [keras.layers.Rescaling(2.0, -1.0, dtype=policy), _convolution(filters, 3, policy)]
        for _ in self.sizes[1:]:
            layers += [_relu(policy), _convolution(filters, 4, policy, strides=2)]
        layers += [_Residual(filters, dtype=policy) for _ in range(self.blocks)]
        return [*layers, _relu(policy), _convolution(self.code_shape[-1], 1, policy)]

    def decoder_layers(self):
        """Residual blocks, then convolutions of the image repeated."""
        policy, filters = self.dtype_policy, self.filters
        layers = [_convolution(filters, 3, policy)]
        layers += [_Residual(filters, dtype=policy) for _ in range(self.blocks)]
        for size in self.sizes[-2::-1]:
            layers += [_relu(policy), _Doubled(size, dtype=policy)]
            layers.append(_convolution(filters, 3, policy))
        return [*layers, _relu(policy), _convolution(self.outputs, 3, policy)]


class _Residual(keras.layers.Layer):
    """h + conv_1x1(relu(conv_3x3(relu(h)))), half as many features between them."""

    def __init__(self, filters, *, dtype):
        super().__init__(dtype=dtype)
        self.wide = _convolution(max(filters // 2, 1), 3, self.dtype_policy)
        self.narrow = _convolution(filters, 1, self.dtype_policy)

    def build(self, input_shape):
        self.wide.build(input_shape)
        self.narrow.build((*input_shape[:-1], self.wide.filters))

    def call(self, h):
        return h + self.narrow(tf.nn.relu(self.wide(tf.nn.relu(h))))

    def compute_output_shape(self, input_shape):
        return input_shape


class _Doubled(keras.layers.Layer):
    """Each pixel 2x2 times, cropped to a size."""

    def __init__(self, size, *, dtype):
        super().__init__(dtype=dtype)
        self.size = size

    def call(self, h):
        return repeat_pixels(h)[:, : self.size[0], : self.size[1]]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])


def _relu(policy):
    return keras.layers.ReLU(dtype=policy)


def _convolution(filters, size, policy, strides=1):
    options = {"strides": strides, "padding": "same", "kernel_initializer": "he_normal"}
    return keras.layers.Conv2D(filters, size, dtype=policy, **options)
