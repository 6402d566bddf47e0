"""Dense autoencoders of small images."""

import math

import keras

from glf.layers.residual import batch_normalization
from glf.networks.autoencoder import Autoencoder, vectors


class DenseAutoencoder(Autoencoder):
    """Images y in [0, 1] to latents z and back: [batch, height, width, channels], [batch, d].

      z = linear(relu(bn(W_n ... relu(bn(W_1 flatten(y)))))),

    one hidden layer for each entry of `hidden`; the decoder has them in the reverse order, then a
    linear layer to all pixels of h. The image is sigmoid(2h) = (tanh h + 1) / 2. Without batch
    normalisation hidden layers have biases in its place.

    Args:
      image_shape: (height, width, channels).
      latent_size: the number of latents, d.
      encoded: how many numbers the encoder gives; None: d.
      decoded: how many numbers the decoder takes; None: d.
      outputs: how many numbers the decoder gives for each pixel; None: one for each channel.
      hidden: units of each hidden layer.
      activation: name of a Keras activation.
      batch_norm: whether a batch normalisation stands before each activation.

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
        hidden=(256, 256),
        activation="relu",
        batch_norm=True,
        dtype=None,
    ):
        counts = {f"hidden[{i}]": units for i, units in enumerate(hidden)}
        super().__init__(
            image_shape, outputs=outputs, dtype=dtype, latent_size=latent_size, **counts
        )
        self.hidden, self.activation, self.batch_norm = tuple(hidden), activation, batch_norm
        self.make(*vectors(latent_size, encoded, decoded))

    def encoder_layers(self):
        """Hidden layers, then one to the latents."""
        policy = self.dtype_policy
        layers = [keras.layers.Flatten(dtype=policy), *self._hidden_layers(self.hidden)]
        return [*layers, keras.layers.Dense(*self.code_shape, dtype=policy)]

    def decoder_layers(self):
        """Hidden layers, then one to all pixels."""
        shape = (*self.image_shape[:2], self.outputs)
        pixels = keras.layers.Dense(math.prod(shape), dtype=self.dtype_policy)
        image = keras.layers.Reshape(shape, dtype=self.dtype_policy)
        return [*self._hidden_layers(reversed(self.hidden)), pixels, image]

    def _hidden_layers(self, sizes):
        policy, layers = self.dtype_policy, []
        start = "he_normal" if self.activation == "relu" else "glorot_uniform"
        for units in sizes:
            # No bias where the batch normalisation would cancel it.
            options = {"use_bias": not self.batch_norm, "kernel_initializer": start}
            layers.append(keras.layers.Dense(units, dtype=policy, **options))
            if self.batch_norm:
                layers.append(batch_normalization(policy))
            layers.append(keras.layers.Activation(self.activation, dtype=policy))
        return layers
