"""A causal transformer: numbers for every token of a sequence from the tokens before it."""

import keras
import tensorflow as tf

from glf.core.rematerialise import Rematerialises, rematerialised
from glf.layers.causal_block import CausalBlock, layer_normalised
from glf.layers.product import of_all_places
from glf.layers.track import track
from glf.networks.base import TokenNetwork


class CausalTransformer(TokenNetwork, Rematerialises):
    """Numbers θ_t for every token x_t, made of x_1, ..., x_t-1 and a condition.

      h_t = W x_t-1 + position_t + V condition_t, with 0 in place of W x_0
      h ← block_l(h) for each layer,     θ = U norm(h) + b

    Blocks of causal self-attention with learned positions, normalised before each half: the network
    of TarFlow (Zhai et al. 2024, arXiv 2412.06329, section 3.2) and of the transformers of text.
    There the first token is moved by no network; here its numbers are those of the condition and of
    its position. What h_t is told of the condition, it says to the tokens after t, too.

    Args:
      units: how many numbers for each token, at least 1.
      width: number of features, a multiple of `heads`.
      heads: number of heads of each block, at least 1.
      layers: number of blocks, at least 1.
      expansion: features within a block, as a multiple of `width`; at least 1.
      zero_init_last: whether the numbers are 0 at the start.

    Raises:
      ValueError: for arguments out of range.
    """

    def __init__(
        self,
        units,
        *,
        width=64,
        heads=4,
        layers=2,
        expansion=4,
        zero_init_last=True,
        dtype="float32",
    ):
        super().__init__(units, dtype=dtype)
        if min(units, width, heads, layers, expansion) < 1 or width % heads:
            raise ValueError(
                "CausalTransformer needs units, width, heads, layers and expansion of at least 1, "
                f"and a width that is a multiple of heads, got {units}, {width}, {heads}, "
                f"{layers} and {expansion}."
            )
        self.width, self.heads, self.layers, self.expansion = width, heads, layers, expansion
        self.starts_at_zero = zero_init_last

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for tokens [None, T, n] and conditions [None, 1 or T, c]."""
        _, self.length, size = input_shape
        self.kernel = self.add_weight(name="kernel", shape=(size, self.width))
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.positions = self.add_weight(
            name="positions", shape=(self.length, self.width), initializer=small
        )
        self.of_condition = None
        if condition_shape is not None:
            shape = (condition_shape[-1], self.width)
            self.of_condition = self.add_weight(name="of_condition", shape=shape)
        make = (self.width, self.heads, self.expansion)
        blocks = [CausalBlock(*make, dtype=self.dtype) for _ in range(self.layers)]
        self.blocks = track(self, "block", blocks)
        for block in self.blocks:
            block.build((None, self.length, self.width))
        self.gamma = self.add_weight(name="gamma", shape=(self.width,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(self.width,), initializer="zeros")
        self.last = self.add_weight(
            name="last",
            shape=(self.width, self.units),
            initializer="zeros" if self.starts_at_zero else "glorot_uniform",
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs, condition=None, training=False):
        """Tokens [batch, T, n], and a condition [batch, 1 or T, c], to [batch, T, units]."""
        before = of_all_places(inputs[:, :-1], self.kernel.value)
        h = tf.pad(before, [[0, 0], [1, 0], [0, 0]]) + self.positions.value
        if condition is not None:
            h += of_all_places(condition, self.of_condition.value)
        again = self.rematerialise and training
        for block in self.blocks:
            h = rematerialised(block, training, h) if again else block(h)
        return self._numbers(h)

    def caches(self, batch, dtype):
        """What `step` takes at the first position, for `batch` sequences."""
        return [block.cache(batch, self.length, dtype) for block in self.blocks]

    def step(self, before, caches, position, condition=None):
        """The numbers of one token, and the caches of the next position.

        Args:
          before: the token before it, [batch, n]; of no effect at position 0.
          caches: what `caches`, or the step before this one, gave.
          position: int32 [], from 0.
          condition: as of `call`, or None.

        Returns ([batch, units], caches).
        """
        h = tf.matmul(before, self.kernel.value)
        h = tf.where(position > 0, h, tf.zeros_like(h)) + self.positions.value[position]
        if condition is not None:
            place = 0 if condition.shape[1] == 1 else position
            h += tf.matmul(condition[:, place], self.of_condition.value)
        after = []
        for block, cache in zip(self.blocks, caches, strict=True):
            h, cache = block.step(h, cache, position)
            after.append(cache)
        return self._numbers(h), after

    def _numbers(self, h):
        normal = layer_normalised(h, self.gamma.value, self.beta.value)
        return of_all_places(normal, self.last.value) + self.bias.value
