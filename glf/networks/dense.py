"""A dense encoder and decoder for small images."""

import math

import keras

from glf.layers.residual import batch_normalization
from glf.networks.shapes import check_image_network


class DenseEncoder(keras.layers.Layer):
    """Images y in [0, 1] to latents z: [batch, height, width, channels] to [batch, latent_size].

    z = linear(relu(bn(W_n ... relu(bn(W_1 flatten(y)))))), one hidden layer for each entry of
    `hidden`. Computes in `dtype`, by default Keras' global policy, and returns float32.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents.
      hidden: units of each hidden layer.

    Raises:
      ValueError: if a size is not positive.
    """

    def __init__(self, image_shape, latent_size, *, hidden=(256, 256), dtype=None, name=None):
        super().__init__(dtype=dtype, name=name)
        shape = check_image_network("DenseEncoder", image_shape, latent_size, **_counts(hidden))
        policy = self.dtype_policy
        self.network = keras.Sequential(
            [
                keras.Input(shape),
                keras.layers.Flatten(dtype=policy),
                *_hidden_layers(hidden, policy),
                keras.layers.Dense(latent_size, dtype=policy),
                keras.layers.Activation("linear", dtype="float32"),
            ]
        )

    def call(self, y, training=False):
        """y [batch, height, width, channels] in [0, 1] to z [batch, latent_size], float32."""
        return self.network(y, training=training)


class DenseDecoder(keras.layers.Layer):
    """Latents z to pre-activations h: [batch, latent_size] to [batch, height, width, channels].

    The image is sigmoid(2h) = (tanh h + 1) / 2. The mirror of `DenseEncoder`: hidden layers in the
    reverse order of `hidden`, then a linear layer to all pixels.

    Raises:
      ValueError: if a size is not positive.
    """

    def __init__(self, image_shape, latent_size, *, hidden=(256, 256), dtype=None, name=None):
        super().__init__(dtype=dtype, name=name)
        shape = check_image_network("DenseDecoder", image_shape, latent_size, **_counts(hidden))
        policy = self.dtype_policy
        self.network = keras.Sequential(
            [
                keras.Input((latent_size,)),
                *_hidden_layers(reversed(hidden), policy),
                keras.layers.Dense(math.prod(shape), dtype=policy),
                keras.layers.Reshape(shape, dtype=policy),
                keras.layers.Activation("linear", dtype="float32"),
            ]
        )

    def call(self, z, training=False):
        """z [batch, latent_size] to h [batch, height, width, channels], float32."""
        return self.network(z, training=training)


def _counts(hidden):
    return {f"hidden[{i}]": units for i, units in enumerate(hidden)}


def _hidden_layers(hidden, policy):
    layers = []
    for units in hidden:
        # No bias: the batch normalisation would cancel it.
        layers += [
            keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal", dtype=policy),
            batch_normalization(policy),
            keras.layers.ReLU(dtype=policy),
        ]
    return layers
