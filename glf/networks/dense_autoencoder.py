"""Dense autoencoders of small images."""

import math

import keras

from glf.layers.residual import batch_normalization
from glf.networks.autoencoder import Autoencoder, vectors


class DenseAutoencoder(Autoencoder):
    """Images y in [0, 1] to latents z and back: [batch, height, width, channels], [batch, d].

      z = linear(relu(bn(W_n ... relu(bn(W_1 flatten(y)))))),

    one hidden layer for each entry of `hidden`; the decoder has them in the reverse order, then a
    linear layer to all pixels of h. The image is sigmoid(2h) = (tanh h + 1) / 2.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents, d.
      encoded: how many numbers the encoder gives; None: d.
      decoded: how many numbers the decoder takes; None: d.
      hidden: units of each hidden layer.

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
        hidden=(256, 256),
        dtype=None,
    ):
        counts = {f"hidden[{i}]": units for i, units in enumerate(hidden)}
        super().__init__(image_shape, dtype=dtype, latent_size=latent_size, **counts)
        self.hidden = tuple(hidden)
        self.make(*vectors(latent_size, encoded, decoded))

    def encoder_layers(self):
        """Hidden layers, then one to the latents."""
        policy = self.dtype_policy
        layers = [keras.layers.Flatten(dtype=policy), *self._hidden_layers(self.hidden)]
        return [*layers, keras.layers.Dense(*self.code_shape, dtype=policy)]

    def decoder_layers(self):
        """Hidden layers, then one to all pixels."""
        pixels = keras.layers.Dense(math.prod(self.image_shape), dtype=self.dtype_policy)
        image = keras.layers.Reshape(self.image_shape, dtype=self.dtype_policy)
        return [*self._hidden_layers(reversed(self.hidden)), pixels, image]

    def _hidden_layers(self, sizes):
        policy, layers = self.dtype_policy, []
        for units in sizes:
            # No bias: the batch normalisation would cancel it.
            options = {"use_bias": False, "kernel_initializer": "he_normal", "dtype": policy}
            layers += [keras.layers.Dense(units, **options), batch_normalization(policy)]
            layers.append(keras.layers.ReLU(dtype=policy))
        return layers
