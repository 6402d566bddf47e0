"""Randomness as an argument: stateless seeds, folded by purpose, always drawn with Philox.

A seed is an int32 tensor of shape [2]. TensorFlow's default stateless algorithm gives other
numbers under XLA than in a graph; with Philox the integers agree everywhere, so every draw of this
package names it. Floats do not agree even so (TensorFlow and XLA take other bits for them, and
pair them otherwise for normals), so they are made from integers here.
"""

import functools
import hashlib
import math
import zlib

import numpy as np
import tensorflow as tf

from glf.core.traced_once import traced_once

ALGORITHM = "philox"
_FOLD = np.array([0x6C078965, 0x5D588B65], np.int32)  # any two words, the same for ever
_WORD = 0x776F7264  # the upper half of the number that a word stands for
# sin(2 pi t) = t sum_k c_k t^(2k) by Taylor, highest power first; for |t| <= 1/4 the next one is
# 1.3e-18 of it at most.
_SINE = [
    np.float64((-1) ** k * (2 * math.pi) ** (2 * k + 1) / math.factorial(2 * k + 1))
    for k in reversed(range(11))
]


def make_seed(seed):
    """Returns `seed`, an integer or a pair of integers, as an int32 tensor of shape [2].

    A Python integer of up to 64 bits is split into its two 32-bit halves, so distinct integers
    give distinct seeds. A scalar tensor of at most 64 bits is treated in the same way. Of an
    integer of more bits, as TFP's joint distributions make them, 64 bits of its hash (BLAKE2) are
    taken.

    Raises:
      ValueError: if `seed` is neither an integer nor a pair.
    """
    if isinstance(seed, (int, np.integer)):
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            digits = seed.to_bytes(seed.bit_length() // 8 + 1, "little", signed=True)
            seed = int.from_bytes(hashlib.blake2b(digits, digest_size=8).digest(), "little")
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

    Words name a purpose (`fold(seed, "noise")`); integers and scalar tensors, of up to 64 bits,
    name a step or an index, and equal numbers of any type are the same. With k(seed) 64 bits drawn
    by Philox, in two words, and n the two words of an item:

      fold(seed, n) = k(seed) + n   word by word, modulo 2^32,

    so that all 64 bits of the state are kept, and different numbers folded into one seed never
    give the same one. Everything that is drawn from a seed, the next k too, is Philox's hash of it:
    neighbouring numbers give independent streams.
    """
    seed = make_seed(seed)
    for item in data:
        number = zlib.crc32(item.encode()) | _WORD << 32 if isinstance(item, str) else item
        seed = _fold_in(seed, make_seed(number))
    return seed


@functools.cache
def seed_of(word):
    """`fold(0, word)` as an array, computed once: the seed of what always has the same noise."""
    with tf.init_scope():
        return fold(0, word).numpy()


@traced_once
def _fold_in(seed, number):
    # Another key than that of what is drawn from the seed itself.
    key = tf.bitwise.bitwise_xor(seed, _FOLD)
    return _integers([2], key, tf.int32) + number


def normal(shape, seed, dtype=tf.float32):
    """Standard normal noise of `shape`; equal bits in eager, graph and XLA mode on one machine.

    By Box and Muller, sqrt(-2 log v) cos(2 pi w), with v and w of its own for each number, so that
    the first rows of a larger draw are the rows of a smaller one. In float64 the modes may differ
    in the last bits.
    """
    # In double precision, where the modes differ by 1e-16, and then rounded: float32 agrees.
    return tf.cast(_drawn(_normal, shape, seed), dtype)


@traced_once
def _normal(shape, seed):
    pairs = _integers(tf.concat([shape, [2]], 0), seed, tf.uint32)
    pairs = (tf.cast(pairs, tf.float64) + 0.5) * 2.0**-32
    radius = tf.sqrt(-2.0 * tf.math.log(pairs[..., 0]))
    return radius * _cosine_of_turns(pairs[..., 1])


def _cosine_of_turns(w):
    """cos(2 pi w) for w in [0, 1], within 4e-16: sin(2 pi t) of t = |w - 1/2| - 1/4.

    By sums and products, which compilers take of many numbers at once: of a cosine they do not.
    """
    t = tf.abs(w - 0.5) - 0.25
    return t * tf.math.polyval(_SINE, t * t)


def uniform(shape, seed, minval=0, maxval=1, dtype=tf.float32):
    """Uniform noise on [minval, maxval); equal bits in eager, graph and XLA mode.

    Floats lie on a grid of 2^23 (float32) or 2^52 (float64) steps that begins at 0. Bounds other
    than 0 and 1 are for integers.

    Raises:
      ValueError: if floats of another type, or with other bounds, are asked for.
    """
    dtype = tf.as_dtype(dtype)
    if dtype.is_integer:
        return tf.random.stateless_uniform(
            shape, make_seed(seed), minval=minval, maxval=maxval, dtype=dtype, alg=ALGORITHM
        )
    if dtype not in (tf.float32, tf.float64) or (minval, maxval) != (0, 1):
        raise ValueError(
            "Uniform floats are float32 or float64 on [0, 1), got "
            f"{dtype.name} on [{minval}, {maxval}); scale or cast them afterwards."
        )
    return _drawn(_uniform32 if dtype == tf.float32 else _uniform64, shape, seed)


@traced_once
def _uniform32(shape, seed):
    return _fractions(_integers(shape, seed, tf.uint32), 23, tf.float32)


@traced_once
def _uniform64(shape, seed):
    return _fractions(_integers(shape, seed, tf.uint64), 52, tf.float64)


def _fractions(integers, bits, dtype):
    """The first bits of integers as numbers in [0, 1)."""
    shift = tf.constant(integers.dtype.size * 8 - bits, integers.dtype)
    return tf.cast(tf.bitwise.right_shift(integers, shift), dtype) * 2.0**-bits


def open_uniform(shape, seed, dtype=tf.float32):
    """Uniform noise on (0, 1): the grid of `uniform`, half a step to the right.

    It is symmetric about 1/2 and never 0 or 1, where logarithms are infinite.
    """
    v = uniform(shape, seed, dtype=dtype)
    return v + {tf.float32: 2.0**-24, tf.float64: 2.0**-53}[v.dtype]


def gumbel(shape, seed, dtype=tf.float32):
    """Standard Gumbel noise, -log(-log v); equal bits in all modes, but for last bits of float64.

    Logarithms are taken in float64: in float32 their last bits change with the mode and even with
    the number of values they are taken of.
    """
    v = tf.cast(open_uniform(shape, seed, dtype), tf.float64)
    return tf.cast(-tf.math.log(-tf.math.log(v)), dtype)


def logistic(shape, seed, dtype=tf.float32):
    """Standard logistic noise, log v - log(1 - v); bits as those of `gumbel`."""
    v = tf.cast(open_uniform(shape, seed, dtype), tf.float64)
    return tf.cast(tf.math.log(v) - tf.math.log1p(-v), dtype)


def _drawn(draw, shape, seed):
    """What `draw`, a function of a shape and a seed that is traced once, makes of these."""
    shape = tf.cast(shape, tf.int32)
    # A function's result has lost what is known of its shape; reshaped, it has it again.
    return tf.reshape(draw(shape, make_seed(seed)), shape)


def _integers(shape, seed, dtype):
    """Integers of all bits, uint32 or uint64."""
    return tf.random.stateless_uniform(
        shape, make_seed(seed), minval=None, maxval=None, dtype=dtype, alg=ALGORITHM
    )


def numpy_generator(*key):
    """A NumPy Philox generator keyed by integers and words, for work outside the graph."""
    words = [zlib.crc32(k.encode()) if isinstance(k, str) else int(k) for k in key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
