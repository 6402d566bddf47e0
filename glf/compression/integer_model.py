"""An integer flow as integers and tables: what a file is coded by. NumPy alone.

x - offset goes through stages, each a dictionary as it is stored:

  {"do": "squeeze", "factors": [a, b]}            space to channels
  {"do": "permute", "order": [...]}               u_i = x_order(i)
  {"do": "move", "kept": k, "network": i}         the last channels, by integers of the first k
  {"do": "triangular", "kept": k, "network": i, "fraction": f}    the same, one after the other
  {"do": "part", "axis": a, "stay": n, "lines": l, "prior": j}    what is behind n goes out

and what goes out, and what is left at the end, is coded by a prior.
"""

import dataclasses

import numpy as np

from glf.compression.symbols import Decoder, Encoder, Window, costs
from glf.compression.tables import FRACTION, SCALES, Parameters

LARGEST_TRANSLATION = 1 << 16
LARGEST_MEAN = 1 << (16 + FRACTION)


@dataclasses.dataclass(frozen=True)
class Prior:
    """Distributions of a part.

    What a network (or `constants`) gives for a channel is, with K components: K logits where K is
    more than 1, K means, K numbers that `scales` makes numbers of scales of.

    Attributes:
      components: K.
      channels: of the part.
      low, bits: of its `Window`.
      scales: int32 [2 R + 1]: the number of the scale for -R, ..., R.
      network: which, or None.
      constants: int32 [h or 1, w or 1, channels, P] where there is no network.
    """

    components: int
    channels: int
    low: int
    bits: int
    scales: np.ndarray
    network: int | None = None
    constants: np.ndarray | None = None

    @property
    def window(self):
        """Where its integers are looked for."""
        return Window(self.low, self.bits)

    def parameters(self, given, shape):
        """`Parameters` of a part of `shape` [n, h, w, channels], of what the network gives."""
        size = 2 if self.components == 1 else 3 * self.components
        if self.network is None:
            given = np.broadcast_to(self.constants, (*shape, size))
        given = given.reshape(-1, size)
        parts = np.split(given, size // self.components, -1)
        reach = len(self.scales) // 2
        scales = self.scales[np.clip(parts[-1], -reach, reach) + reach]
        return Parameters(parts[-2], scales, parts[0] if len(parts) == 3 else None)


class IntegerModel:
    """Encodes and decodes blocks of images.

    Args:
      shape: (height, width, channels) of an image.
      levels: of its values.
      offset: what is taken from the data first.
      stages: see above.
      networks: `IntegerNetwork`s, or anything else with `run`.
      priors: `Prior`s; the last one is of what is left.
      tables: `Tables`.
    """

    def __init__(self, shape, levels, offset, stages, networks, priors, tables):
        self.shape, self.levels, self.offset = tuple(shape), levels, offset
        self.stages, self.networks = list(stages), list(networks)
        self.priors, self.tables = list(priors), tables

    def encode(self, x):
        """The bytes of images [n, height, width, channels] of integers."""
        encoder = Encoder(self.tables)
        for prior, out, seen in self.through(x):
            given = self._given(prior, seen)
            encoder.put(out.reshape(-1), prior.parameters(given, out.shape), prior.window)
        return encoder.bytes()

    def decode(self, data, count):
        """The `count` images uint8 [count, height, width, channels] that `data` encodes.

        Raises:
          ValueError: if the bytes encode no such images.
        """
        decoder = Decoder(self.tables, data)
        *shapes, last = self.part_shapes()
        z = self._decoded(decoder, self.priors[-1], None, (count, *last))
        for stage in reversed(self.stages):
            if stage["do"] == "part":
                prior, shape = self.priors[stage["prior"]], (count, *shapes.pop())
                out = self._decoded(decoder, prior, seen_of(stage, z), shape)
                z = np.concatenate([z, out], stage["axis"])
            else:
                z = self._forward(stage, z)
        decoder.require_end()
        x = z + self.offset
        if x.min() < 0 or x.max() >= self.levels:
            raise ValueError("what is decoded is no image: some values are none of the levels")
        return x.astype(np.uint8)

    def bits(self, x):
        """The bits that each value of images costs, float64 [n, height, width, channels].

        A value that a flow has moved costs what its integer costs; bits go back to where it was.
        """
        parts = []
        for prior, out, seen in self.through(x):
            parameters = prior.parameters(self._given(prior, seen), out.shape)
            cost = costs(self.tables, out.reshape(-1), parameters, prior.window)
            parts.append(cost.reshape(out.shape))
        bits = parts.pop()
        for stage in reversed(self.stages):
            if stage["do"] == "part":
                bits = np.concatenate([bits, parts.pop()], stage["axis"])
            elif stage["do"] in ("squeeze", "permute"):
                bits = self._forward(stage, bits)
        return bits

    def through(self, x):
        """(prior, part, what the prior is shown or None) of every part of images, to the last."""
        z = np.asarray(x).astype(np.int64) - self.offset
        for stage in self.stages:
            if stage["do"] == "part":
                z, out = np.split(z, [stage["stay"]], stage["axis"])
                yield self.priors[stage["prior"]], out, seen_of(stage, z)
            else:
                z = self.inverse(stage, z)
        yield self.priors[-1], z, None

    def part_shapes(self):
        """The shapes of all parts of an image, in the order of `through`."""
        shape, shapes = list(self.shape), []
        for stage in self.stages:
            if stage["do"] == "part":
                out, axis = list(shape), stage["axis"] - 1
                out[axis], shape[axis] = shape[axis] - stage["stay"], stage["stay"]
                shapes.append(tuple(out))
            elif stage["do"] == "squeeze":
                a, b = stage["factors"]
                shape = [shape[0] // a, shape[1] // b, a * b * shape[2]]
        return [*shapes, tuple(shape)]

    def inverse(self, stage, x):
        """What a stage that is no parting makes of integers, towards the base."""
        if stage["do"] == "squeeze":
            (n, h, w, c), (a, b) = x.shape, stage["factors"]
            blocks = x.reshape(n, h // a, a, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
            return blocks.reshape(n, h // a, w // b, a * b * c)
        if stage["do"] == "permute":
            return x[..., stage["order"]]
        return self._moved(stage, x, 1)

    def _forward(self, stage, u):
        if stage["do"] == "squeeze":
            (n, h, w, c), (a, b) = u.shape, stage["factors"]
            blocks = u.reshape(n, h, w, a, b, c // (a * b)).transpose(0, 1, 3, 2, 4, 5)
            return blocks.reshape(n, h * a, w * b, c // (a * b))
        if stage["do"] == "permute":
            return u[..., np.argsort(stage["order"])]
        return self._moved(stage, u, -1)

    def _moved(self, stage, z, sign):
        kept, moved = np.split(z, [stage["kept"]], -1)
        given = self.networks[stage["network"]].run(kept)
        if stage["do"] == "move":
            return np.concatenate([kept, moved + sign * given], -1)
        m, fraction = moved.shape[-1], stage["fraction"]
        result = np.empty_like(moved)
        known = moved if sign > 0 else result  # of the data's side, as far as it is known
        for c in range(m):
            first = m + c * (c - 1) // 2
            matrix = given[..., first : first + c]
            total = given[..., c] + (matrix * known[..., :c]).sum(-1)
            step = (total + (1 << fraction >> 1)) >> fraction
            step = np.clip(step, -LARGEST_TRANSLATION, LARGEST_TRANSLATION)
            result[..., c] = moved[..., c] + sign * step
        return np.concatenate([kept, result], -1)

    def _given(self, prior, seen):
        return None if prior.network is None else self.networks[prior.network].run(seen)

    def _decoded(self, decoder, prior, seen, shape):
        parameters = prior.parameters(self._given(prior, seen), shape)
        return decoder.get(parameters, prior.window).astype(np.int64).reshape(shape)


def seen_of(stage, stay):
    """What the prior of what goes out is shown of what stays: all, or the last lines."""
    if stage["axis"] == 3:
        return stay
    size, axis = stay.shape[stage["axis"]], stage["axis"]
    lines = [np.take(stay, [size - 1 - i], axis) for i in range(stage["lines"])]
    return np.concatenate(lines, -1)


def check_scales(scales):
    """Refuses numbers of scales that no table has."""
    if scales.min() < 0 or scales.max() >= SCALES:
        raise ValueError(f"numbers of scales run from 0 to {SCALES - 1}")
