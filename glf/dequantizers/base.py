"""The contract of noise that makes integers continuous, with its density, and of dequantizers."""

import abc

import keras
import tensorflow as tf

from glf.core.part import Part
from glf.core.shapes import checked_condition
from glf.layers.context import context_features


class NoiseModel(Part, keras.layers.Layer):
    """A noise model q(v | x), perhaps q(v | x, condition), and how x is read from x + v.

    x are integers [batch, height, width, channels] in {0, ..., levels - 1}, v has their shape and
    the layer's dtype, float32 unless told, and log-densities are [batch], in nats. With r(x | x +
    v), probabilities of integers given nothing but the sum,

      P(x) = levels^-D ∫ p_y((x + v) / levels) r(x | x + v) dv

    are probabilities whatever the density p_y of images, and a draw of v has the weight p_y((x + v)
    / levels) r(x | x + v) / (levels^D q(v | x)), whose mean is P(x). Weights of the layer are made
    in `build`. The condition is a context, see `glf.layers.context`.

    Attributes:
      deviation: None, or the standard deviation of Gaussian noise, for images in [0, 1], which
        one step along the score of p_y takes out again.
    """

    given_by_code = ("dtype",)
    deviation = None

    def __init__(self, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.image_shape = None

    def build(self, image_shape, levels, condition_shape=None):
        """Records what the data are; subclasses add weights.

        Args:
          image_shape: (height, width, channels).
          levels: x is in {0, ..., levels - 1}; from 2 to 65536.
          condition_shape: None, or a context's.

        Raises:
          ValueError: if they are not that.
        """
        image_shape = tuple(image_shape)
        if len(image_shape) != 3 or not all(image_shape) or not 2 <= levels <= 65536:
            raise ValueError(
                f"{type(self).__name__} is built for images (height, width, channels) of 2 to "
                f"65536 levels, got {image_shape} and {levels}."
            )
        context_features(condition_shape)
        self.image_shape = image_shape
        self.levels = levels
        self.condition_shape = None if condition_shape is None else tuple(condition_shape)
        digits = {"float32": 24, "float64": 53}[self.compute_dtype]
        self.bits = digits - (levels - 1).bit_length()
        self.largest = 1.0 - 2.0**-self.bits

    @abc.abstractmethod
    def sample_and_log_prob(self, x, seed, condition=None, training=False):
        """Draws v [batch, height, width, channels]; returns it with log q(v | x), [batch]."""

    @abc.abstractmethod
    def log_prob(self, v, x, condition=None):
        """log q(v | x), [batch], of any v."""

    @abc.abstractmethod
    def log_reading(self, v, x):
        """log r(x | x + v), [batch]."""

    def check(self, x, condition):
        """Returns x and the condition as tensors, the latter in the layer's dtype.

        Raises:
          ValueError: if the layer is not built, or was built for other images or conditions.
        """
        name = type(self).__name__
        if self.image_shape is None:
            raise ValueError(f"{name} is not built yet; call build(image_shape, levels) first.")
        x = tf.convert_to_tensor(x)
        if x.shape.rank != 4 or not x.shape[1:].is_compatible_with(self.image_shape):
            raise ValueError(
                f"{name} was built for images of shape {self.image_shape}, got a batch {x.shape}."
            )
        return x, checked_condition(self, condition)


class Dequantizer(NoiseModel):
    """A noise model on [0, 1)^D: x is what x + v is rounded down to, r(x | x + v) = 1.

    x + v, computed in the layer's dtype, lies in [x, x + 1): v is at most 1 - 2^-b where numbers
    just below `levels` have b bits after the point. `log_prob` is -inf where one v is not in
    [0, 1).
    """

    def log_reading(self, v, x):
        """0: see the class."""
        return tf.zeros(tf.shape(x)[:1], v.dtype)
