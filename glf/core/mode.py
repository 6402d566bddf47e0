"""Modes of `training` besides True and False, which bring the seeds of their noise."""

import contextlib

import tensorflow as tf

from glf.core import random


class Training:
    """Stands for training=True, and gives dropout its seeds; always true.

    A loss makes one of these from its own seed and hands it on as `training`. Every call of
    `seed()` gives another seed; which layer gets which depends only on the order in which the
    layers are called, so the same network gets the same noise in every trace.

    Args:
      seed: an integer or a pair of integers.
    """

    def __init__(self, seed):
        self._seed = random.make_seed(seed)
        self._given = 0

    def __bool__(self):
        return True

    def seed(self):
        """Returns a new seed, int32 [2]."""
        self._given += 1
        return random.fold(self._seed, self._given)

    @property
    def state(self):
        """Which seed is the next."""
        return self._given

    @contextlib.contextmanager
    def at(self, state):
        """Gives in the block the seeds that it gave from a `state` on."""
        now, self._given = self._given, state
        try:
            yield
        finally:
            self._given = now


def dropout(h, rate, training):
    """Sets each number of `h` to 0 with probability `rate`, and divides the others by 1 - rate.

    Args:
      h: a tensor.
      rate: in [0, 1); nothing is dropped at 0.
      training: False leaves `h` as it is; a `Training` drops by one of its seeds.

    Raises:
      ValueError: if `rate` is out of range, or something is to be dropped and `training` is a bare
        True, which brings no seed.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"A dropout rate lies in [0, 1), got {rate}.")
    if not training or not rate:
        return h
    if not isinstance(training, Training):
        raise ValueError(
            f"Dropout with rate {rate} needs a seed; pass training=Training(seed) instead of "
            f"training={training!r}."
        )
    kept = random.uniform(tf.shape(h), training.seed()) >= rate
    return tf.where(kept, h / (1 - rate), tf.zeros_like(h))
