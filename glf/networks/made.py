"""A masked dense network whose i-th output sees only the inputs before i, in a chosen order."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.layers.masked_dense import MaskedDense
from glf.layers.track import track
from glf.networks.base import MaskedNetwork, OnePlaceAtATime


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


class MADE(MaskedNetwork, OnePlaceAtATime):
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
        stack, self._due = [], []
        for width in self.hidden:
            after = lowest + np.arange(width) % (size - lowest)
            self._due.append(_units_by_degree(after, size))
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

    def begin(self, num, condition=None):
        """See `OnePlaceAtATime`: every layer's activations, zeros at first, and its weights."""
        weights = [layer.effective() for layer in self.stack]
        units = [tf.zeros([width, num], self.compute_dtype) for width in self.hidden]
        kernels = [tf.transpose(kernel) for kernel, _ in weights]
        given = None if condition is None else tf.transpose(tf.cast(condition, self.compute_dtype))
        return {
            "kernels": kernels,
            "biases": [bias[:, None] for _, bias in weights],
            "units": units,
            "condition": [] if given is None else [given],
        }

    def at_place(self, place, inputs, state):
        """See `OnePlaceAtATime`: the hidden units that see the last known value, and outputs."""
        h = tf.concat([tf.transpose(inputs), *state["condition"]], axis=0)
        renewed = []
        *hidden, last = zip(state["kernels"], state["biases"], strict=True)
        for (kernel, bias), layer, due, units in zip(
            hidden, self.stack[:-1], self._due, state["units"], strict=True
        ):
            now = tf.gather(tf.constant(due), place - 1)
            new = layer.activation(tf.matmul(tf.gather(kernel, now), h) + tf.gather(bias, now))
            h = tf.tensor_scatter_nd_update(units, now[:, None], new)
            renewed.append(h)
        value = tf.gather(tf.constant(np.argsort(self.places), tf.int32), place - 1)
        outputs = value * self.parameters + tf.range(self.parameters)
        numbers = tf.matmul(tf.gather(last[0], outputs), h) + tf.gather(last[1], outputs)
        return tf.transpose(numbers), {**state, "units": renewed}


def _units_by_degree(degrees, size):
    """Indices of the units of degree 0, ..., size - 1: int32 [size, most of one degree].

    A shorter row repeats a unit of its own; one without any has a unit that is computed again when
    its turn comes.
    """
    rows = [np.flatnonzero(degrees == degree) for degree in range(size)]
    most = max(len(row) for row in rows)
    return np.stack([np.resize(row if len(row) else [0], most) for row in rows]).astype(np.int32)
