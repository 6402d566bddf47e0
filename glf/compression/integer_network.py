"""Networks of integers, evaluated by NumPy: convolutions, rectifiers, shifts.

Integers are held in floats, and a convolution is a product of matrices. As long as no partial sum
reaches 2^24 in float32, or 2^53 in float64, every sum is exact, and then its order does not
matter: any machine, number of threads or library gives the same integers. `proven` says in which
type that holds. A product is one of matrices on purpose: fast convolutions, by Winograd's or
Fourier's way, compute with fractions.
"""

import dataclasses
import math

import numpy as np

LIMITS = {"float32": 2**24, "float64": 2**53}
# Numbers of the patches that are laid out at a time.
_CHUNK = 1 << 22


@dataclasses.dataclass(frozen=True)
class IntegerConv:
    """A convolution of earlier tensors, padded with zeros to keep height and width.

    Tensor 0 is the network's input, tensor i + 1 what the i-th convolution gives. With
    a = conv(concat(tensors[sources]), weights) + bias + 2^lift tensors[added],

      output = clip(⌊a 2^-shift⌋, low, high).

    Attributes:
      weights: int8 or int16 [rows, columns, inputs, outputs].
      bias: int64 [outputs]; half of what a shift drops is in it, so that rounding is to nearest.
      shift: int32 [outputs].
      lift: int32 [outputs], of what is added.
      sources: indices of tensors, whose channels are concatenated.
      added: index of a tensor, or None.
      low, high: the output's first and last integer; low is 0 for a rectifier.
      dtype: in which the sums are exact, "float32" or "float64".
    """

    weights: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    lift: np.ndarray
    sources: tuple
    added: int | None
    low: int
    high: int
    dtype: str

    ARRAYS = ("weights", "bias", "shift", "lift")


@dataclasses.dataclass(frozen=True)
class IntegerNetwork:
    """Convolutions of integers one after the other.

    Attributes:
      low, high: what the input is clipped to.
      factor: what it is multiplied by then, a power of two, so that its integers are about as large
        as those of the other tensors.
      convs: `IntegerConv`s; the last one's output is the network's.
    """

    low: int
    high: int
    factor: int
    convs: tuple

    def run(self, x):
        """int64 [n, h, w, outputs] of int64 [n, h, w, inputs]."""
        rows = max(1, _CHUNK // self._patch_numbers(x.shape))
        pieces = [self._run(x[i : i + rows]) for i in range(0, len(x), rows)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def entered(self, x):
        """Tensor 0, of float32."""
        return (np.clip(x, self.low, self.high) * self.factor).astype(np.float32)

    def _run(self, x):
        tensors = [self.entered(x)]
        for conv in self.convs:
            h = np.concatenate([tensors[i] for i in conv.sources], -1).astype(conv.dtype)
            a = convolved(h, conv.weights.astype(conv.dtype)) + conv.bias.astype(conv.dtype)
            if conv.added is not None:
                a += tensors[conv.added] * np.exp2(conv.lift).astype(conv.dtype)
            a = np.floor(a * np.exp2(-conv.shift).astype(conv.dtype))
            tensors.append(np.clip(a, conv.low, conv.high).astype(np.float32))
        return tensors[-1].astype(np.int64)

    def _patch_numbers(self, shape):
        """The most numbers of the patches of one image."""
        return shape[1] * shape[2] * max(math.prod(c.weights.shape[:3]) for c in self.convs)

    def check(self):
        """Proves every sum again, of a network that was read.

        Raises:
          ValueError: if a sum could be inexact in the type that a convolution says, or a tensor in
            float32.
        """
        bounds, channels = [max(-self.low, self.high) * self.factor], [None]
        for i, conv in enumerate(self.convs):
            if conv.dtype != proven(conv, bounds, channels, f"convolution {i}"):
                raise ValueError(f"convolution {i} is not exact in {conv.dtype}")
            bounds.append(max(-conv.low, conv.high))
            channels.append(conv.weights.shape[3])


def convolved(h, kernel):
    """The convolution of [n, h, w, c] with [rows, columns, c, outputs], as a matrix product."""
    rows, columns, inputs, outputs = kernel.shape
    n, height, width, _ = h.shape
    if (rows, columns) != (1, 1):
        above, left = (rows - 1) // 2, (columns - 1) // 2
        edges = ((0, 0), (above, rows - 1 - above), (left, columns - 1 - left), (0, 0))
        padded = np.pad(h, edges)
        h = np.concatenate(
            [padded[:, r : r + height, s : s + width] for r in range(rows) for s in range(columns)],
            -1,
        )
    product = h.reshape(-1, rows * columns * inputs) @ kernel.reshape(-1, outputs)
    return product.reshape(n, height, width, outputs)


def proven(conv, bounds, channels, name):
    """The type in which all sums of a convolution are exact: "float32" where that is enough.

    Args:
      conv: an `IntegerConv`, whatever its `dtype`.
      bounds: of the tensors before it, the largest magnitudes.
      channels: of the tensors before it; None for an input, which has the rest.
      name: for messages.

    Any partial sum, in any order, is at most Σ |w| max|a| + |bias| + 2^lift max|added|. Where what
    is added has bits below the unit of the sum, all is counted in units of those bits.

    Raises:
      ValueError: if not even float64 is enough, or what is given would not be exact in float32.
    """
    inputs = conv.weights.shape[2]
    known = sum(channels[i] or 0 for i in conv.sources)
    most = np.concatenate(
        [np.full(channels[i] or inputs - known, bounds[i], np.float64) for i in conv.sources]
    )
    absolute = np.abs(conv.weights.astype(np.float64)).sum((0, 1))
    # Python's integers have no limits of their own.
    sums = [int(v) for v in np.ceil(most @ absolute)]
    fine = 0
    if conv.added is not None:
        fine = max(0, -int(conv.lift.min()))
        added = [(bounds[conv.added] << max(0, int(v))) for v in conv.lift]
        sums = [a + b for a, b in zip(sums, added, strict=True)]
    largest = max(a + abs(int(b)) for a, b in zip(sums, conv.bias, strict=True)) << fine
    if max(-conv.low, conv.high) >= LIMITS["float32"]:
        raise ValueError(f"{name} gives integers that float32 does not hold exactly")
    for dtype, limit in LIMITS.items():
        if largest < limit:
            return dtype
    raise ValueError(
        f"{name} cannot be computed exactly: a sum may reach {largest:.3g}, and float64 holds "
        f"integers below 2^53. Train a network with fewer or smaller weights."
    )
