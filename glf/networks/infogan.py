"""The convolutional networks of InfoGAN, as used by Generative Latent Flow."""

import math

import keras

from glf.layers.residual import batch_normalization
from glf.networks.autoencoder import Autoencoder, vectors


class InfoGAN(Autoencoder):
    """Images y in [0, 1] to latents z and back: [batch, height, width, channels], [batch, d].

    Encoder: 4x4 convolutions of stride 2 with `filters`, 2 `filters`, ... channels, a dense layer
    of `hidden` units and a linear one to z; ReLU after all but the last; batch normalisation after
    all but the first and the last. Sizes are halved rounding up, so every image size fits.

    Decoder, its mirror: dense layers of `hidden` units and to the smallest feature map, then
    transposed 4x4 convolutions of stride 2, cropped to the sizes the encoder went through; ReLU
    and batch normalisation after all but the last. The image is sigmoid(2h) = (tanh h + 1) / 2.

    Layers in front of a batch normalisation have no bias, which the normalisation would cancel.
    Weights start as N(0, 0.02^2).

    Chen et al. 2016, arXiv 1606.03657, appendix C; with the defaults, the networks of Xiao, Yan
    and Amit 2019, arXiv 1905.10485, for every data set.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents, d.
      encoded: how many numbers the encoder gives; None: d.
      decoded: how many numbers the decoder takes; None: d.
      outputs: how many numbers the decoder gives for each pixel; None: one for each channel.
      filters: channels after the first convolution.
      hidden: units of the dense layer.
      num_downsamples: the number of convolutions.

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
        hidden=1024,
        num_downsamples=2,
        dtype=None,
    ):
        counts = {"filters": filters, "hidden": hidden, "num_downsamples": num_downsamples}
        super().__init__(
            image_shape, outputs=outputs, dtype=dtype, latent_size=latent_size, **counts
        )
        self.hidden = hidden
        self.channels = [filters * 2**level for level in range(num_downsamples)]
        self.make(*vectors(latent_size, encoded, decoded))

    def encoder_layers(self):
        """Convolutions, then dense layers."""
        layers = []
        for channels in self.channels:
            first = not layers
            layers.append(self._convolution(keras.layers.Conv2D, channels, use_bias=first))
            layers += [self._relu()] if first else self._normalised_relu()
        layers += [keras.layers.Flatten(dtype=self.dtype_policy), self._dense(self.hidden, False)]
        return [*layers, *self._normalised_relu(), self._dense(*self.code_shape)]

    def decoder_layers(self):
        """Dense layers, then transposed convolutions."""
        sizes = self.halvings(len(self.channels))
        smallest = (*sizes[-1], self.channels[-1])
        layers = []
        for units in (self.hidden, math.prod(smallest)):
            layers += [self._dense(units, use_bias=False), *self._normalised_relu()]
        layers.append(keras.layers.Reshape(smallest, dtype=self.dtype_policy))
        channels = [self.outputs, *self.channels[:-1]]
        for level in reversed(range(len(channels))):
            transposed = keras.layers.Conv2DTranspose
            layers.append(self._convolution(transposed, channels[level], use_bias=level == 0))
            both = zip(sizes[level + 1], sizes[level], strict=True)
            excess = [(0, 2 * below - here) for below, here in both]
            if any(end for _, end in excess):
                layers.append(keras.layers.Cropping2D(excess, dtype=self.dtype_policy))
            if level:
                layers += self._normalised_relu()
        return layers

    def _convolution(self, kind, channels, use_bias):
        options = {"strides": 2, "padding": "same", "use_bias": use_bias}
        start = keras.initializers.RandomNormal(stddev=0.02)
        return kind(channels, 4, kernel_initializer=start, dtype=self.dtype_policy, **options)

    def _dense(self, units, use_bias=True):
        start = keras.initializers.RandomNormal(stddev=0.02)
        options = {"use_bias": use_bias, "kernel_initializer": start}
        return keras.layers.Dense(units, dtype=self.dtype_policy, **options)

    def _relu(self):
        return keras.layers.ReLU(dtype=self.dtype_policy)

    def _normalised_relu(self):
        return [batch_normalization(self.dtype_policy), self._relu()]
