"""The convolutional encoder and decoder of InfoGAN, as used by Generative Latent Flow."""

import keras

from glf.layers.residual import batch_normalization
from glf.networks.shapes import check_image_network, halvings


class InfoGANEncoder(keras.layers.Layer):
    """Images y in [0, 1] to latents z: [batch, height, width, channels] to [batch, latent_size].

    4x4 convolutions of stride 2 with `filters`, 2 `filters`, ... channels, a dense layer of
    `hidden` units and a linear one to z; ReLU after all but the last; batch normalisation after
    all but the first and the last. Sizes are halved rounding up, so every image size fits.
    Layers in front of a batch normalisation have no bias, which the normalisation would cancel.
    Weights start as N(0, 0.02^2). Computes in `dtype`, by default Keras' global policy, and
    returns float32.

    Chen et al. 2016, arXiv 1606.03657, appendix C; with the defaults, the encoder of Xiao, Yan
    and Amit 2019, arXiv 1905.10485, for every data set.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents.
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
        filters=64,
        hidden=1024,
        num_downsamples=2,
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        shape = check_image_network(
            "InfoGANEncoder",
            image_shape,
            latent_size,
            filters=filters,
            hidden=hidden,
            num_downsamples=num_downsamples,
        )
        policy = self.dtype_policy
        layers = [keras.Input(shape)]
        for level in range(num_downsamples):
            first = level == 0
            layers.append(
                keras.layers.Conv2D(
                    filters * 2**level,
                    4,
                    strides=2,
                    padding="same",
                    use_bias=first,
                    kernel_initializer=_initializer(),
                    dtype=policy,
                )
            )
            layers += [keras.layers.ReLU(dtype=policy)] if first else _normalised_relu(policy)
        layers.append(keras.layers.Flatten(dtype=policy))
        layers.append(_dense(hidden, policy, use_bias=False))
        layers += _normalised_relu(policy)
        layers.append(_dense(latent_size, policy))
        layers.append(keras.layers.Activation("linear", dtype="float32"))
        self.network = keras.Sequential(layers)

    def call(self, y, training=False):
        """y [batch, height, width, channels] in [0, 1] to z [batch, latent_size], float32."""
        return self.network(y, training=training)


class InfoGANDecoder(keras.layers.Layer):
    """Latents z to pre-activations h: [batch, latent_size] to [batch, height, width, channels].

    The image is sigmoid(2h) = (tanh h + 1) / 2. The mirror of `InfoGANEncoder`: dense layers of
    `hidden` units and to the smallest feature map, then transposed 4x4 convolutions of stride 2,
    cropped to the sizes the encoder went through; ReLU and batch normalisation after all but the
    last. Precision, biases, weights, sources and arguments as in the encoder.

    Raises:
      ValueError: if a size is not positive.
    """

    def __init__(
        self,
        image_shape,
        latent_size,
        *,
        filters=64,
        hidden=1024,
        num_downsamples=2,
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        shape = check_image_network(
            "InfoGANDecoder",
            image_shape,
            latent_size,
            filters=filters,
            hidden=hidden,
            num_downsamples=num_downsamples,
        )
        policy = self.dtype_policy
        sizes = halvings(shape, num_downsamples)
        smallest = (*sizes[-1], filters * 2 ** (num_downsamples - 1))
        layers = [keras.Input((latent_size,))]
        for units in (hidden, smallest[0] * smallest[1] * smallest[2]):
            layers.append(_dense(units, policy, use_bias=False))
            layers += _normalised_relu(policy)
        layers.append(keras.layers.Reshape(smallest, dtype=policy))
        for level in reversed(range(num_downsamples)):
            last = level == 0
            layers.append(
                keras.layers.Conv2DTranspose(
                    shape[2] if last else filters * 2 ** (level - 1),
                    4,
                    strides=2,
                    padding="same",
                    use_bias=last,
                    kernel_initializer=_initializer(),
                    dtype=policy,
                )
            )
            excess = [
                2 * below - here for below, here in zip(sizes[level + 1], sizes[level], strict=True)
            ]
            if any(excess):
                layers.append(keras.layers.Cropping2D([(0, n) for n in excess], dtype=policy))
            if not last:
                layers += _normalised_relu(policy)
        layers.append(keras.layers.Activation("linear", dtype="float32"))
        self.network = keras.Sequential(layers)

    def call(self, z, training=False):
        """z [batch, latent_size] to h [batch, height, width, channels], float32."""
        return self.network(z, training=training)


def _initializer():
    return keras.initializers.RandomNormal(stddev=0.02)


def _dense(units, policy, use_bias=True):
    return keras.layers.Dense(
        units, use_bias=use_bias, kernel_initializer=_initializer(), dtype=policy
    )


def _normalised_relu(policy):
    return [batch_normalization(policy), keras.layers.ReLU(dtype=policy)]
