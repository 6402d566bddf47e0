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
