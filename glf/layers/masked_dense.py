"""A dense layer in which chosen connections do not exist."""

import keras
import numpy as np
import tensorflow as tf

from glf.layers.product import product


class MaskedDense(keras.layers.Layer):
    """activation(x (W ∘ M) + b), with a fixed 0/1 mask M of shape [inputs, units].

    Args:
      mask: array of zeros and ones; its shape says the numbers of inputs and units.
      activation: name of a Keras activation, or a function, or None.
      kernel_initializer: initializer of W.

    Raises:
      ValueError: if the mask is no matrix of zeros and ones, or does not fit the input.
    """

    def __init__(
        self,
        mask,
        activation=None,
        kernel_initializer="glorot_uniform",
        *,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        mask = np.asarray(mask)
        if mask.ndim != 2 or not np.isin(mask, (0, 1)).all():
            raise ValueError(
                f"MaskedDense needs a matrix of zeros and ones, got shape {mask.shape} with "
                f"values {np.unique(mask)[:5].tolist()}."
            )
        self.mask = mask
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = kernel_initializer
        self.held = None

    def build(self, input_shape):
        """Makes W and b."""
        if input_shape[-1] != self.mask.shape[0]:
            raise ValueError(
                f"A mask of shape {self.mask.shape} needs {self.mask.shape[0]} inputs, got "
                f"{input_shape[-1]}."
            )
        self.kernel = self.add_weight(
            name="kernel", shape=self.mask.shape, initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(name="bias", shape=self.mask.shape[1:], initializer="zeros")

    def effective(self):
        """The kernel as it is applied, masked, and the bias; see `hold_weights`."""
        kernel = self.kernel.value * tf.constant(self.mask, self.compute_dtype)
        return kernel, tf.convert_to_tensor(self.bias.value)

    def call(self, inputs):
        """Maps [batch, inputs] to [batch, units]."""
        kernel, bias = self.held or self.effective()
        return self.activation(product(inputs, kernel) + bias)
