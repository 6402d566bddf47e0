"""Dense networks that give bijectors their parameters."""

import functools

import keras
import tensorflow as tf

from glf.core.traced_once import traced_once, values
from glf.layers.batch_norm import BatchNormalization
from glf.layers.product import product
from glf.layers.track import track
from glf.networks.base import Conditioner


class DenseConditioner(Conditioner):
    """Dense, activation, batch norm, `num_layers` times, then a dense layer of `units` numbers.

    With the defaults this is the subnetwork of Generative Latent Flow's couplings (Xiao, Yan,
    Amit 2019). A condition is concatenated to the input.

    Args:
      units: number of outputs.
      hidden: width of the hidden layers, at least 1.
      num_layers: number of hidden layers, at least 0.
      activation: name of a Keras activation, or a function.
      batch_norm: whether a batch normalization follows each activation. With training=False it
        uses its moving statistics and the network is a fixed function of each example.
      zero_init_last: whether the last layer starts at zero, so that every bijector whose identity
        is at zero starts there.
      init_deviation: None, or the deviation of a normal distribution of mean zero from which every
        weight starts: kernels, biases, and the scales and shifts of batch norms, whatever
        `zero_init_last` says. The published code of Generative Latent Flow takes 0.05.

    Shapes: call maps [batch, n] (and a condition [batch, c]) to [batch, units].
    """

    def __init__(
        self,
        units,
        *,
        hidden=64,
        num_layers=2,
        activation="relu",
        batch_norm=True,
        zero_init_last=True,
        init_deviation=None,
        dtype="float32",
    ):
        super().__init__(units, dtype=dtype)
        if units < 1 or hidden < 1 or num_layers < 0:
            raise ValueError(
                "DenseConditioner needs units >= 1, hidden >= 1 and num_layers >= 0, got "
                f"units={units}, hidden={hidden}, num_layers={num_layers}."
            )
        if init_deviation is not None and not 0 < init_deviation < float("inf"):
            raise ValueError(
                "DenseConditioner.init_deviation must be a positive number, or None, got "
                f"{init_deviation!r}."
            )
        self.activation, self.batch_norm, self.kept = activation, batch_norm, None
        self.starts_at_zero = zero_init_last and init_deviation is None

        def start(**by_default):
            if init_deviation is None:
                return by_default
            return {
                name: keras.initializers.RandomNormal(0.0, init_deviation) for name in by_default
            }

        def dense(units, kernel="glorot_uniform", activation=None):
            initializers = start(kernel_initializer=kernel, bias_initializer="zeros")
            return keras.layers.Dense(units, activation=activation, dtype=dtype, **initializers)

        stack = []
        for _ in range(num_layers):
            stack.append(dense(hidden, activation=activation))
            if batch_norm:
                initializers = start(gamma_initializer="ones", beta_initializer="zeros")
                stack.append(BatchNormalization(dtype=dtype, **initializers))
        stack.append(dense(units, "zeros" if zero_init_last else "glorot_uniform"))
        self.stack = track(self, "layer", stack)

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for inputs [None, n] and conditions [None, c]."""
        size = input_shape[-1] + (0 if condition_shape is None else condition_shape[-1])
        shape = (None, size)
        for layer in self.stack:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, units]."""
        if condition is not None:
            inputs = tf.concat([inputs, tf.cast(condition, inputs.dtype)], axis=-1)
        # What the dense layers do, without what Keras does around it, which takes as long to trace
        # as the operations themselves.
        if self.kept and not training:
            weights = tf.nest.map_structure(lambda variable: variable.value(), self.kept)
            return _traced_network(self.activation)(inputs, *weights)
        if self.batch_norm or not isinstance(self.activation, str):
            for layer in self.stack:
                if isinstance(layer, BatchNormalization):
                    inputs = layer(inputs, training=training)
                else:
                    inputs = _dense(inputs, values(layer.kernel, layer.bias), layer.activation)
            return inputs
        network = _traced_network(self.activation)
        return network(inputs, *(values(layer.kernel, layer.bias) for layer in self.stack))

    def make_kernel(self):
        """((kernel, bias) of each dense layer), with the batch normalisation before it.

        In inference that is h' = a h + b with fixed a and b, so that the layer after it gives
        h' K + c = h (diag(a) K) + (b K + c). () without batch normalisations.
        """
        if not self.batch_norm or not isinstance(self.activation, str):
            return ()
        folded, before = [], None
        for layer in self.stack:
            if isinstance(layer, BatchNormalization):
                before = layer.in_inference()
                continue
            kernel, bias = (tf.cast(w, tf.float64) for w in values(layer.kernel, layer.bias))
            if before is not None:
                scale, shift = before
                bias += tf.linalg.matvec(kernel, shift, transpose_a=True)
                kernel *= scale[:, None]
            folded.append(tuple(tf.cast(w, self.compute_dtype) for w in (kernel, bias)))
        return tuple(folded)


def _dense(inputs, weights, activation):
    kernel, bias = weights
    return activation(tf.nn.bias_add(product(inputs, kernel), bias))


@functools.cache
def _traced_network(activation):
    """The layers of all networks with this activation, a name, and no batch normalization."""
    activation = keras.activations.get(activation)

    @traced_once
    def network(inputs, *weights):
        for hidden in weights[:-1]:
            inputs = _dense(inputs, hidden, activation)
        return _dense(inputs, weights[-1], keras.activations.linear)

    return network
