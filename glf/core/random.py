"""Randomness as an argument: stateless seeds, folded by purpose, always drawn with Philox.

A seed is an int32 tensor of shape [2]. TensorFlow's default stateless algorithm gives other
numbers under XLA than in a graph; Philox gives the same bits everywhere, so every draw of this
package names it.
"""

import zlib

import numpy as np
import tensorflow as tf

ALGORITHM = "philox"


def make_seed(seed):
    """Returns `seed`, an integer or a pair of integers, as an int32 tensor of shape [2].

    A Python integer of up to 64 bits is split into its two 32-bit halves, so distinct integers
    give distinct seeds. A scalar tensor of at most 64 bits is treated in the same way.

    Raises:
      ValueError: if `seed` is neither an integer nor a pair.
    """
    if isinstance(seed, (int, np.integer)):
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"A seed is an integer of at most 64 bits, got {seed}.")
        halves = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint32)
        return tf.constant(halves.view(np.int32))
    seed = tf.convert_to_tensor(seed)
    if not seed.dtype.is_integer or seed.shape.rank not in (0, 1):
        raise ValueError(
            f"A seed is an integer or a pair of integers, got {seed.dtype.name} of shape "
            f"{seed.shape}."
        )
    if seed.shape.rank == 0:
        return tf.bitcast(tf.cast(seed, tf.int64), tf.int32)
    if seed.shape != (2,):
        raise ValueError(f"A seed has shape [2], got shape {seed.shape}.")
    return tf.cast(seed, tf.int32)


def fold(seed, *data):
    """Derives a new seed from `seed` and each item of `data`: an integer, a tensor or a word.

    Words name a purpose (`fold(seed, "noise")`); integers and scalar tensors name a step or an
    index. Different data give independent streams.
    """
    seed = make_seed(seed)
    for item in data:
        if isinstance(item, str):
            item = zlib.crc32(item.encode()) & 0x7FFFFFFF
        seed = tf.random.experimental.stateless_fold_in(seed, item, alg=ALGORITHM)
    return seed


def normal(shape, seed, dtype=tf.float32):
    """Standard normal noise of `shape`; equal bits in eager, graph and XLA mode."""
    return tf.random.stateless_normal(shape, make_seed(seed), dtype=dtype, alg=ALGORITHM)


def uniform(shape, seed, minval=0, maxval=1, dtype=tf.float32):
    """Uniform noise on [minval, maxval); equal bits in eager, graph and XLA mode."""
    return tf.random.stateless_uniform(
        shape, make_seed(seed), minval=minval, maxval=maxval, dtype=dtype, alg=ALGORITHM
    )


def numpy_generator(*key):
    """A NumPy Philox generator keyed by integers and words, for work outside the graph."""
    words = [zlib.crc32(k.encode()) if isinstance(k, str) else int(k) for k in key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
