"""Entropy coding of integers under `Distributions`, many at once, by the coder of `constriction`.

An integer is found in a window [low, low + 2^bits) by its digits of base 4 or less, the largest
first: each has a categorical distribution, its masses differences of the distribution function at
the ends of what the digit leaves. The first digits of all integers are coded in one call, then all
second ones, and so on. What lies outside of the window is announced by one more first digit and
follows as 32 plain bits.

A mass is one more than the difference, so that nothing is impossible. Masses are integers that
float64 holds exactly, and so are their sums. The coder's own distribution with 24 bits is made of
one division, multiplications and roundings down, which IEEE 754 defines to the last bit; functions
that machines compute differently, such as exp and log, are not asked.
"""

import constriction
import numpy as np

from glf.compression.tables import PRECISION, Distributions

_MODEL = constriction.stream.model
_FAMILY = _MODEL.Categorical(perfect=False)
_DIGIT_BITS = 2
# The mass of the one digit that what has escaped goes on with.
_CERTAIN = 2.0**45
_HALVES = _MODEL.Uniform(1 << 16)
# Integers at a time: what is worked on stays in a processor's cache.
_CHUNK = 1 << 13


class Window:
    """Where a part's integers are looked for: [low, low + 2^bits).

    Args:
      low: its first integer.
      bits: from 1 to 24.

    Attributes:
      bases: of the digits, the first one's first.
    """

    def __init__(self, low, bits):
        self.low, self.bits = int(low), int(bits)
        count = -(-self.bits // _DIGIT_BITS)
        self.bases = [2 ** ((self.bits + i) // count) for i in range(count)]

    @classmethod
    def around(cls, smallest, largest):
        """The smallest window with the integers from `smallest` to `largest` in its middle."""
        bits = max(1, int(largest - smallest).bit_length())
        return cls((int(smallest) + int(largest) + 1) // 2 - 2 ** (bits - 1), bits)

    def holds(self, values):
        """Which of the values lie in it."""
        return (values >= self.low) & (values < self.low + 2**self.bits)


class Encoder:
    """Integers to bytes. What is put in last comes out first."""

    def __init__(self, tables):
        self._tables = tables
        self._coder = constriction.stream.stack.AnsCoder()

    def put(self, values, parameters, window):
        """Puts integers [n] of 32 bits in, each under its own of n distributions."""
        values = np.ascontiguousarray(values, np.int32)
        for start in reversed(range(0, len(values), _CHUNK)):
            some = parameters.rows(start, start + _CHUNK)
            self._put(values[start : start + _CHUNK], some, window)

    def _put(self, values, parameters, window):
        within = window.holds(values)
        escaped = values[~within]
        for half in (escaped >> 16, escaped):
            if len(escaped):
                self._coder.encode_reverse((half & 0xFFFF).astype(np.int32), _HALVES)
        search = _Search(Distributions(self._tables, parameters), window)
        inside = np.where(within, values, window.low)
        coded = []
        while search.size:
            masses = search.masses()
            digits = (inside - search.low) // search.size
            if not coded:
                digits[~within] = window.bases[0]
            coded.append((digits.astype(np.int32), masses))
            search.take(digits)
        for digits, masses in reversed(coded):
            self._coder.encode_reverse(digits, _FAMILY, masses)

    def bytes(self):
        """All that was put in, little-endian words of 32 bits."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class Decoder:
    """Bytes to integers: the last that were put in first, under the same distributions.

    Raises:
      ValueError: if the bytes cannot be an encoder's.
    """

    def __init__(self, tables, data):
        words = words_of(data)
        if len(words) and words[-1] == 0:
            raise ValueError("coded integers never end with a word of zeros")
        self._tables = tables
        self._coder = constriction.stream.stack.AnsCoder(words)

    def get(self, parameters, window):
        """The int32 values [n] of the last `put` that is left."""
        count = len(parameters.means)
        values = np.empty(count, np.int32)
        for start in range(0, count, _CHUNK):
            some = parameters.rows(start, start + _CHUNK)
            values[start : start + _CHUNK] = self._get(some, window)
        return values

    def _get(self, parameters, window):
        search = _Search(Distributions(self._tables, parameters), window)
        while search.size:
            search.take(self._coder.decode(_FAMILY, search.masses()))
        escaped = search.escaped
        values = search.low.astype(np.int32)
        if escaped.any():
            count = int(escaped.sum())
            low, high = (self._coder.decode(_HALVES, count).astype(np.int64) for _ in range(2))
            values[escaped] = ((high << 16) | low).astype(np.uint32).view(np.int32)
        return values

    def require_end(self):
        """Raises `ValueError` where something is left."""
        if not self._coder.is_empty():
            raise ValueError("there are more coded integers than the block has")


def words_of(data):
    """uint32 words, which a coder takes, of bytes.

    Raises:
      ValueError: if they are no whole words.
    """
    if len(data) % 4:
        raise ValueError(f"coded integers are whole words of 4 bytes, got {len(data)} bytes")
    return np.frombuffer(data, "<u4").astype(np.uint32)


def probabilities(masses):
    """int64 [n, m]: the coder's own probabilities of masses [n, m], in units of 2^-24.

    With c the masses before an outcome and S all of them, outcome i begins at
    ⌊c (2^24 - m) / S⌋ + i, in float64: nothing is impossible, and all sum to 2^24.
    """
    n, m = masses.shape
    top = 1 << PRECISION
    scale = (top - m) / np.cumsum(masses, 1)[:, -1:]
    before = np.cumsum(masses, 1) - masses
    begins = (before * scale).astype(np.int64) + np.arange(m)
    return np.diff(begins, axis=1, append=np.full((n, 1), top))


def costs(tables, values, parameters, window):
    """The bits, float64 [n], that the coder spends on each of the values [n]."""
    found = []
    for start in range(0, len(values), _CHUNK):
        some = np.asarray(values[start : start + _CHUNK], np.int64)
        search = _Search(Distributions(tables, parameters.rows(start, start + _CHUNK)), window)
        within = window.holds(some)
        inside, bits = np.where(within, some, window.low), np.where(within, 0.0, 32.0)
        each = np.arange(len(some))
        while search.size:
            shares = probabilities(search.masses())
            digits = (inside - search.low) // search.size
            if search.escaped is None:
                digits[~within] = window.bases[0]
            bits += PRECISION - np.log2(shares[each, digits])
            search.take(digits)
        found.append(bits)
    return np.concatenate(found)


class _Search:
    """n integers in their windows, found digit by digit.

    Attributes:
      low: int64 [n], the first integer of what is left.
      size: the integers that a step of the next digit stands for; 0 at the end.
      escaped: which of them lie outside, from the first digit on: those that follow say nothing.
    """

    def __init__(self, distributions, window):
        self._distributions = distributions
        self._bases = list(window.bases)
        self.escaped, self._any = None, False
        self._each = np.arange(len(distributions))
        self.low = np.full(len(distributions), window.low, np.int64)
        self.size = 2**window.bits // self._bases[0]
        top = distributions.below(self.low + 2**window.bits)
        self._ends = [distributions.below(self.low), top]

    def masses(self):
        """float64 [n, base], whole numbers; of the first digit one more, that of all outside."""
        base, (low, high) = self._bases[0], self._ends
        inner = [self._distributions.below(self.low + i * self.size) for i in range(1, base)]
        self._cuts = [low, *inner, high]
        first = self.escaped is None
        masses = np.empty((len(low), base + first))
        for i in range(base):
            np.subtract(self._cuts[i + 1], self._cuts[i], out=masses[:, i], casting="unsafe")
        if first:
            masses[:, base] = self._distributions.total - (high - low)
        elif self._any:
            masses[self.escaped, 0] = _CERTAIN
        masses += 1.0
        return masses

    def take(self, digits):
        """Goes on with digits [n]."""
        digits = digits.astype(np.int64)
        if self.escaped is None:
            self.escaped = digits == self._bases[0]
            self._any = self.escaped.any()
            digits[self.escaped] = 0
        self.low += digits * self.size
        cuts = np.concatenate(self._cuts)
        place = digits * len(self._each) + self._each
        self._ends = [cuts.take(place), cuts.take(place + len(self._each))]
        self._bases = self._bases[1:]
        self.size = self.size // self._bases[0] if self._bases else 0
