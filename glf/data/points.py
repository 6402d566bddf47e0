"""Points in the plane from known densities, as datasets."""

import functools

from glf.data import noise as random_bits
from glf.data.densities import Checkerboard, EightGaussians, TwoMoons
from glf.data.source import Source, Split, Table, counts_of_generated

DENSITIES = {
    "two_moons": TwoMoons,
    "checkerboard": Checkerboard,
    "eight_gaussians": EightGaussians,
}
EXAMPLES = {"train": 50_000, "validation": 10_000, "test": 50_000}


def load_points_source(name, /, *, num_examples=None, validation_examples=None):
    """Points of a density of `glf.data.densities`, float32 [n, 2], neither cut nor scaled.

    Training draws fresh points at every step, so that nothing can be learned by heart. The splits
    hold fixed points for evaluation: train `num_examples` (50 000 unless told), validation
    `validation_examples` (10 000), test 50 000.

    Args:
      name: "two_moons", "checkerboard" or "eight_gaussians".
      num_examples: points in the train split.
      validation_examples: points in the validation split.
    """
    counts = counts_of_generated(EXAMPLES, num_examples, validation_examples)
    return _drawn(name, DENSITIES[name](), counts)


def load_two_moons_source(*, noise=None, num_examples=None, validation_examples=None):
    """The same of `TwoMoons`.

    Args:
      noise: the standard deviation around the half circles, 0.05 unless told.
      num_examples: points in the train split.
      validation_examples: points in the validation split.

    Raises:
      ValueError: if the noise is out of range.
    """
    counts = counts_of_generated(EXAMPLES, num_examples, validation_examples)
    return _drawn("two_moons", TwoMoons() if noise is None else TwoMoons(noise), counts)


def _drawn(name, density, counts):
    def points(split):
        key = random_bits.philox_key("points", name, split)
        words = random_bits.random_words(key, range(counts[split]), density.words)
        return density.draw(words), None

    splits = {
        split: Split.whole(Table(split, count, functools.partial(points, split)))
        for split, count in counts.items()
    }
    return Source(name, (density.size,), None, None, splits, density=density)
