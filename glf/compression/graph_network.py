"""Integer networks by TensorFlow: the integers that NumPy's give, on more threads or by XLA."""

import numpy as np
import tensorflow as tf

from glf.compression.integer_model import IntegerModel


class GraphNetwork:
    """An `IntegerNetwork` as a graph.

    Args:
      network: the `IntegerNetwork`.
      jit: whether it is an XLA program.
    """

    def __init__(self, network, jit=False):
        self._network = network
        self._function = tf.function(self._of, autograph=False, jit_compile=jit or None)

    def run(self, x):
        """int64 [n, h, w, outputs] of int64 [n, h, w, inputs]."""
        return self._function(tf.constant(self._network.entered(x))).numpy().astype(np.int64)

    def _of(self, x):
        tensors = [x]
        for conv in self._network.convs:
            h = tf.cast(tf.concat([tensors[i] for i in conv.sources], -1), conv.dtype)
            a = _convolved(h, conv.weights.astype(conv.dtype)) + conv.bias.astype(conv.dtype)
            if conv.added is not None:
                lift = np.exp2(conv.lift).astype(conv.dtype)
                a += tf.cast(tensors[conv.added], conv.dtype) * lift
            a = tf.floor(a * np.exp2(-conv.shift).astype(conv.dtype))
            low, high = (np.asarray(v, conv.dtype) for v in (conv.low, conv.high))
            tensors.append(tf.cast(tf.clip_by_value(a, low, high), tf.float32))
        return tensors[-1]


def _convolved(h, kernel):
    """As `integer_network.convolved`: a product of matrices, which no library does otherwise."""
    rows, columns, inputs, outputs = kernel.shape
    n, height, width = tf.shape(h)[0], h.shape[1], h.shape[2]
    if (rows, columns) != (1, 1):
        above, left = (rows - 1) // 2, (columns - 1) // 2
        edges = [[0, 0], [above, rows - 1 - above], [left, columns - 1 - left], [0, 0]]
        padded = tf.pad(h, edges)
        shifted = [
            padded[:, r : r + height, s : s + width] for r in range(rows) for s in range(columns)
        ]
        h = tf.concat(shifted, -1)
    product = tf.matmul(tf.reshape(h, (-1, rows * columns * inputs)), kernel.reshape(-1, outputs))
    return tf.reshape(product, tf.stack([n, height, width, outputs]))


def in_graphs(model, jit=False):
    """An `IntegerModel` with `IntegerNetwork`s, its networks computed by TensorFlow."""
    networks = [GraphNetwork(network, jit) for network in model.networks]
    return IntegerModel(
        model.shape, model.levels, model.offset, model.stages, networks, model.priors, model.tables
    )
