"""A small integer model made of random networks, without TensorFlow."""

import numpy as np

from glf.compression.integer_model import (
    LARGEST_MEAN,
    LARGEST_TRANSLATION,
    IntegerModel,
    Prior,
    seen_of,
)
from glf.compression.quantising import FloatConv, quantise
from glf.compression.symbols import Window
from glf.compression.tables import (
    FRACTION,
    LOGIT_STEPS,
    LOWEST,
    SCALES,
    STEPS,
    make_tables,
)

UNIT = 4
TABLES = make_tables()
# r / 32 nats over a scale of 1.
_SCALES = STEPS * (np.arange(-512, 513) / 32 / np.log(2) - LOWEST)
_SCALES = np.clip(np.rint(_SCALES), 0, SCALES - 1)


def layers(rng, inputs, outputs, growth=3):
    """A densely connected network and a residual block, as `plain_layers` lists them."""

    def conv(size, n, m, scale=1.0):
        return rng.normal(size=(size, size, n, m)) * scale / size / n**0.5, 0.1 * rng.normal(size=m)

    return [
        FloatConv(*conv(3, inputs, growth), (0,), True, None),
        FloatConv(*conv(3, growth, growth), (1,), False, 1),
        FloatConv(*conv(1, inputs + growth, outputs, 0.5), (0, 2), False, None),
    ]


class Toy:
    """Makes an `IntegerModel` of images of `shape`, with every kind of stage that fits."""

    def __init__(self, shape=(5, 4, 1), levels=17, offset=8, components=2, parted=True, seed=0):
        self.rng, self.components = np.random.default_rng(seed), components
        self.model = IntegerModel(shape, levels, offset, [], [], [], TABLES)
        self.images = self.rng.integers(0, levels, (8, *shape)).astype(np.uint8)
        z = self.images.astype(np.int64) - offset
        for axis in (1, 2):
            if z.shape[axis] > 1 and z.shape[axis] % 2:
                z = self.part(z, axis, z.shape[axis] - 1, min(2, z.shape[axis] - 1))
        factors = [2 if side > 1 else 1 for side in z.shape[1:3]]
        z = self.add({"do": "squeeze", "factors": factors}, z)
        for kind in ("move", "triangular"):
            order = self.rng.permutation(z.shape[3]).tolist()
            z = self.couple(kind, self.add({"do": "permute", "order": order}, z))
        if parted:
            z = self.part(z, 3, z.shape[3] // 2, 0)
        self.prior(z, None)

    def add(self, stage, z):
        self.model.stages.append(stage)
        return self.model.inverse(stage, z)

    def couple(self, kind, z):
        kept = z.shape[3] // 2
        moved = z.shape[3] - kept
        stage = {"do": kind, "kept": kept, "network": len(self.model.networks)}
        factors = np.full(moved, float(UNIT))
        if kind == "triangular":
            stage["fraction"] = 8
            factors = np.r_[256 * factors, np.full(moved * (moved - 1) // 2, 256.0)]
        self.network(z[..., :kept], factors, LARGEST_TRANSLATION)
        return self.add(stage, z)

    def network(self, inputs, factors, limit, offsets=0.0):
        made = layers(self.rng, inputs.shape[-1], len(factors))
        network = quantise(made, inputs, UNIT, factors, limit, offsets)
        self.model.networks.append(network)

    def part(self, z, axis, stay, lines):
        stage = {"do": "part", "axis": axis, "stay": stay, "lines": lines}
        stage["prior"] = len(self.model.priors)
        self.model.stages.append(stage)
        z, out = np.split(z, [stay], axis)
        self.prior(out, seen_of(stage, z))
        return z

    def prior(self, out, seen):
        k, channels = self.components, out.shape[3]
        size = 2 if k == 1 else 3 * k
        factors = np.repeat([float(LOGIT_STEPS)] * (k > 1) + [UNIT * 2.0**FRACTION, 32.0], k)
        window = Window.around(out.min(), out.max() - 1)
        network = constants = None
        if seen is None:
            constants = np.rint(self.rng.normal(size=(1, 1, channels, size)) * factors)
            constants = constants.astype(np.int32)
        else:
            network = len(self.model.networks)
            self.network(seen, np.tile(factors, channels), LARGEST_MEAN)
        made = (k, channels, window.low, window.bits, _SCALES.astype(np.int32), network, constants)
        self.model.priors.append(Prior(*made))
