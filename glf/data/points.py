"""Points in the plane from known densities, as datasets."""

import functools

from glf.data import noise as random_bits
from glf.data.densities import Checkerboard, EightGaussians, TwoMoons
from glf.data.source import Source, Split, Table

DENSITIES = {
    "two_moons": TwoMoons,
    "checkerboard": Checkerboard,
    "eight_gaussians": EightGaussians,
}
VALIDATION_EXAMPLES, TEST_EXAMPLES = 10_000, 50_000


def load_points_source(name, noise=None, num_examples=None, validation_examples=None):
    """Points of a density of `glf.data.densities`, float32 [n, 2], neither cut nor scaled.

    Training draws fresh points at every step, so that nothing can be learned by heart. The splits
    hold fixed points for evaluation: train `num_examples` (50 000 unless told), validation
    `validation_examples` (10 000), test 50 000.

    Args:
      name: "two_moons", "checkerboard" or "eight_gaussians".
      noise: of the moons, see `TwoMoons`; 0.05 unless told.
      num_examples: points in the train split.
      validation_examples: points in the validation split.

    Raises:
      ValueError: if another density is given a noise, or the noise is out of range.
    """
    if noise is not None and name != "two_moons":
        raise ValueError(f"noise={noise!r} is for two_moons only, not {name!r}; leave it out.")
    density = DENSITIES[name]() if noise is None else TwoMoons(noise)
    counts = {
        "train": TEST_EXAMPLES if num_examples is None else num_examples,
        "validation": VALIDATION_EXAMPLES if validation_examples is None else validation_examples,
        "test": TEST_EXAMPLES,
    }

    def points(split):
        key = random_bits.philox_key("points", name, split)
        words = random_bits.random_words(key, range(counts[split]), density.words)
        return density.draw(words), None

    splits = {
        split: Split.whole(Table(split, count, functools.partial(points, split)))
        for split, count in counts.items()
    }
    return Source(name, (density.size,), None, None, splits, density=density)
