"""Autoencoders: pairs of an encoder and a decoder, of the same sizes."""

import abc
import numbers

import keras
import tensorflow as tf

from glf.core.part import Part


class Autoencoder(Part, keras.layers.Layer, abc.ABC):
    """Images to codes and back: two stacks of layers that a subclass lists.

    Computes in `dtype`, by default Keras' global policy, and returns float32. The encoder's weights
    are made first, and stand first among the weights.

    Args:
      image_shape: (height, width, channels).
      outputs: how many numbers the decoder gives for each pixel; None: one for each channel.
      counts: the subclass's own numbers, each at least 1.

    Attributes:
      code_shape: the shape of one code.
      encoder, decoder: `keras.Sequential`.

    Raises:
      ValueError: if `image_shape` is not three positive integers, or a count is not positive.
    """

    given_by_code = ("image_shape", "latent_size", "encoded", "decoded", "outputs", "dtype")

    def __init__(self, image_shape, *, outputs=None, dtype=None, **counts):
        super().__init__(dtype=dtype)
        owner, shape = type(self).__name__, tuple(image_shape)
        if len(shape) != 3 or any(not isinstance(n, numbers.Integral) or n < 1 for n in shape):
            raise ValueError(
                f"{owner}.image_shape must be (height, width, channels), three positive integers, "
                f"got {shape}."
            )
        self.outputs = shape[2] if outputs is None else outputs
        for name, value in {**counts, "outputs": self.outputs}.items():
            if value < 1:
                raise ValueError(f"{owner}.{name} must be at least 1, got {value}.")
        self.image_shape = tuple(int(n) for n in shape)

    def make(self, encoded, decoded=None):
        """Makes both stacks; a code has the shape `encoded`, what is decoded `decoded`."""
        self.code_shape = tuple(encoded)
        self.encoder = keras.Sequential([keras.Input(self.image_shape), *self.encoder_layers()])
        inputs = keras.Input(self.code_shape if decoded is None else decoded)
        self.decoder = keras.Sequential([inputs, *self.decoder_layers()])
        self.built = True

    @abc.abstractmethod
    def encoder_layers(self):
        """The layers from images in [0, 1] to codes."""

    @abc.abstractmethod
    def decoder_layers(self):
        """The layers from codes to `outputs` numbers a pixel: h, of images that are sigmoid(2h)."""

    def encode(self, y, training=False):
        """y [batch, height, width, channels] in [0, 1] to z [batch, *code_shape], float32."""
        return tf.cast(self.encoder(y, training=training), tf.float32)

    def decode(self, z, training=False):
        """z to h [batch, height, width, outputs], float32; the image is (tanh h + 1) / 2."""
        return tf.cast(self.decoder(z, training=training), tf.float32)

    def halvings(self, count):
        """The sizes [(height, width), ...] of the image, itself and `count` times halved up."""
        sizes = [self.image_shape[:2]]
        for _ in range(count):
            height, width = sizes[-1]
            sizes.append((-(-height // 2), -(-width // 2)))
        return sizes


def vectors(latent_size, encoded=None, decoded=None):
    """The shapes of what an encoder gives and a decoder takes: vectors, of d unless told."""
    return (encoded or latent_size,), (decoded or latent_size,)
