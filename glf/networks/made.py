"""A masked dense network whose i-th output sees only the inputs before i, in a chosen order."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.layers.masked_dense import MaskedDense
from glf.layers.track import track
from glf.networks.base import MaskedNetwork


def degrees(size, order="sequential", seed=None):
    """The place, 1 to `size`, of every dimension in the order: an int array.

    Args:
      size: number of dimensions.
      order: "sequential", "reversed" or "random".
      seed: integer that a random order is drawn from.

    Raises:
      ValueError: for another order, or a random one without a seed.
    """
    places = np.arange(1, size + 1)
    if order == "sequential":
        return places
    if order == "reversed":
        return places[::-1].copy()
    if order != "random":
        raise ValueError(f'order is "sequential", "reversed" or "random", got {order!r}.')
    if seed is None:
        raise ValueError("A random order is drawn from a seed; give seed=<integer>.")
    return random.numpy_generator(seed, "order").permutation(places)


class MADE(MaskedNetwork):
    """Parameters of every x_i from the x_j before it (Germain et al. 2015, "MADE").

      h_0 = (x, condition)   h_l = activation(h_l-1 (W_l ∘ M_l) + b_l)   output = h_L (V ∘ M) + c

    Input i has its place in the order as its degree, a condition has degree 0, hidden units go
    round the degrees. A unit sees the units before it with at most its own degree; output i sees
    hidden units with a smaller degree than its own. So output i depends on exactly the inputs
    with a smaller place and on the condition.

    Args:
      parameters: number of outputs for every dimension, at least 1.
      hidden: widths of the hidden layers, a sequence; each at least 1.
      order: "sequential", "reversed" or "random".
      seed: integer for a random order.
      activation: name of a Keras activation, or a function.
      zero_init_last: whether the output starts at zero.

    Shapes: call maps [batch, d] (and a condition [batch, c]) to [batch, d, parameters].

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(
        self,
        parameters,
        *,
        hidden=(64, 64),
        order="sequential",
        seed=None,
        activation="relu",
        zero_init_last=True,
        dtype="float32",
    ):
        super().__init__(parameters, dtype=dtype)
        hidden = tuple(hidden)
        if parameters < 1 or not hidden or min(hidden) < 1:
            raise ValueError(
                "MADE needs parameters >= 1 and at least one hidden layer of at least one unit, "
                f"got parameters={parameters}, hidden={hidden}."
            )
        degrees(1, order, seed)
        self.hidden = hidden
        self.order = order
        self.seed = seed
        self.activation = activation
        self.starts_at_zero = zero_init_last

    def build(self, input_shape, condition_shape=None):
        """Makes the masks and the weights for inputs [None, d] and conditions [None, c]."""
        size = input_shape[-1]
        extra = 0 if condition_shape is None else condition_shape[-1]
        self.places = degrees(size, self.order, self.seed)
        before = np.concatenate([self.places, np.zeros(extra, int)])
        # Hidden units of degree 0 see only the condition; without one they are constants, which
        # only a single dimension, seeing nothing at all, has to make do with.
        lowest = 0 if extra or size == 1 else 1
        stack = []
        for width in self.hidden:
            after = lowest + np.arange(width) % (size - lowest)
            stack.append(
                MaskedDense(before[:, None] <= after[None, :], self.activation, dtype=self.dtype)
            )
            before = after
        stack.append(
            MaskedDense(
                np.repeat(before[:, None] < self.places[None, :], self.parameters, axis=1),
                kernel_initializer="zeros" if self.starts_at_zero else "glorot_uniform",
                dtype=self.dtype,
            )
        )
        self.stack = track(self, "layer", stack)
        for layer in self.stack:
            layer.build((None, layer.mask.shape[0]))

    def call(self, inputs, condition=None):
        """Returns the parameters, [batch, d, parameters]."""
        outputs = inputs
        if condition is not None:
            outputs = tf.concat([outputs, tf.cast(condition, outputs.dtype)], axis=-1)
        for layer in self.stack:
            outputs = layer(outputs)
        return tf.reshape(outputs, (-1, len(self.places), self.parameters))
