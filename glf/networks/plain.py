"""Networks of image maps as a list of convolutions, for whoever evaluates them by other means."""

import abc
from typing import NamedTuple

import tensorflow as tf


class PlainConv(NamedTuple):
    """A convolution of earlier tensors, padded with zeros to keep height and width.

    Tensor 0 is the network's input (behind it, the context's features), tensor i + 1 what the i-th
    convolution of the list gives; the last one is what the network gives:

      conv(concat(tensors[i] for i in sources), kernel) + bias [+ tensors[added]], then relu if told

    Attributes:
      kernel: [rows, columns, inputs, outputs], a tensor of the present weights.
      bias: [outputs].
      sources: indices of tensors, whose channels are concatenated.
      relu: whether max(0, .) follows.
      added: index of a tensor that is added, or None.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    sources: tuple
    relu: bool = False
    added: int | None = None


class HasPlainLayers(abc.ABC):
    """A network that is nothing but convolutions, rectifiers, concatenations and sums."""

    @abc.abstractmethod
    def plain_layers(self):
        """The list of `PlainConv`, with the present values of the weights, after `build`."""


def run(layers, inputs):
    """What a list of `PlainConv` makes of `inputs` [batch, h, w, n]."""
    tensors = [inputs]
    for layer in layers:
        h = tf.concat([tensors[i] for i in layer.sources], -1)
        h = tf.nn.bias_add(tf.nn.conv2d(h, layer.kernel, 1, "SAME"), layer.bias)
        h = h if layer.added is None else h + tensors[layer.added]
        tensors.append(tf.nn.relu(h) if layer.relu else h)
    return tensors[-1]
