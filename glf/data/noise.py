"""Random bits that any example can reach directly: Philox, a counter per example."""

import numpy as np

from glf.core import random

_WORDS_PER_COUNT = 8  # a Philox4x64 counter yields 4 x 64 bits


def philox_key(*key):
    """The 128-bit Philox key of integers and words, as uint64 [2]."""
    return random.numpy_generator(*key).bit_generator.state["state"]["key"]


def seed_words(seed):
    """The two 32-bit words of `seed`, an integer of up to 64 bits or a pair of integers.

    Always two: a key of fixed length cannot be confused with another seed's.
    """
    return [int(word) for word in np.asarray(random.make_seed(seed)).view(np.uint32)]


def random_words(key, positions, count):
    """Uniform 32-bit words, a pure function of (key, position): uint32 [n, count].

    Args:
      key: uint64 [2], from `philox_key`.
      positions: non-negative integers [n]; runs of consecutive ones are drawn in one go.
      count: words per position.
    """
    positions = np.asarray(positions, np.int64)
    counters = -(-count // _WORDS_PER_COUNT)
    words = np.empty((len(positions), counters * _WORDS_PER_COUNT), np.uint32)
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    for run in np.split(np.arange(len(positions)), breaks):
        if len(run):
            philox = np.random.Philox(key=key, counter=int(positions[run[0]]) * counters)
            raw = philox.random_raw(len(run) * counters * 4)
            words[run[0] : run[-1] + 1] = (
                raw.astype("<u8", copy=False).view("<u4").reshape(len(run), -1)
            )
    return words[:, :count]


def permutation(count, *key):
    """A permutation of range(count) keyed by integers and words, int64 [count].

    Sorts raw Philox words, whose stream NumPy promises never to change; its own `permutation`
    carries no such promise.
    """
    philox = np.random.Philox(key=philox_key(*key))
    return np.argsort(philox.random_raw(count), kind="stable")
