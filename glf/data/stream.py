"""The endless stream of training examples: epoch after epoch, each in its own order."""

import functools

import numpy as np

from glf.data import noise


class EpochStream:
    """Epochs of `num_examples` examples, concatenated; epoch e is permuted by Philox(seed, e).

    Position p of the stream is example `permutation_e[p - e n]` of epoch `e = p // n`, so every
    position can be reached directly and each epoch holds every example exactly once.

    Args:
      num_examples: n, at least 1.
      seed: an integer or a pair of integers.
    """

    def __init__(self, num_examples, seed):
        self.num_examples = num_examples
        self._seed = noise.seed_words(seed)
        self.order = functools.lru_cache(maxsize=3)(self._order)

    def _order(self, epoch):
        return noise.permutation(self.num_examples, "epoch order", *self._seed, epoch)

    def examples(self, start, stop):
        """The examples at positions start .. stop - 1, int64 [stop - start]."""
        n, parts = self.num_examples, []
        for epoch in range(start // n, -(-stop // n)):
            first, last = max(start - epoch * n, 0), min(stop - epoch * n, n)
            parts.append(self.order(epoch)[first:last])
        return np.concatenate(parts)
