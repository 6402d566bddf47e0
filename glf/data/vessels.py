"""Generated pictures of branching vessels with exact masks.

A stand-in for data such as photographs of the retina with their vessels traced by hand (DRIVE),
which is not free to distribute: no image here is of a real eye, and no figure reached on them says
anything of one. The task has the same shape: thin, branching, smooth curves of varying width and
contrast on an uneven background, under noise in which the thinnest of them nearly vanish.
"""

import functools
import math

import numpy as np

from glf.data import noise
from glf.data.source import Source, Split, Table, counts_of_generated

EXAMPLES = {"train": 2000, "validation": 200, "test": 200}
_SIZE = 32
# Trunks per image, branches of each, and of each of those; points along each kind.
_TREE = (2, 2, 1)
_POINTS = (64, 40, 24)
_GRID = 8  # curves run on a grid of 1/8 pixel, where distances are exact
_FAR = -(2**30)  # less than any squared distance within an image
_CURVES = _TREE[0] * (1 + _TREE[1] * (1 + _TREE[2]))
_PER_CURVE, _PER_IMAGE = 12, 40  # uniform numbers


def load_vessels_source(*, geometry, num_examples=None, validation_examples=None):
    """Masks of vessels, [h, w, 1] with 2 levels, each with its picture as condition, 256 levels.

    Image i of a split is a pure function of the split, i, the size and the channels.

    Args:
      geometry: a `Geometry` without a crop; its size is 32 x 32 and its channels 3 unless told.
      num_examples: how many to train on; 2000 unless told.
      validation_examples: 200 unless told. The test split has 200.

    Raises:
      ValueError: for a crop, or a size below 8 or above 1024.
    """
    size, channels = geometry.size or (_SIZE, _SIZE), geometry.channels or 3
    if geometry.crop is not None or not 8 <= min(size) <= max(size) <= 1024:
        raise ValueError(
            "vessels are made for any image_size from 8 to 1024 and are not cropped, got "
            f"image_size={size}, crop={geometry.crop}."
        )
    counts = counts_of_generated(EXAMPLES, num_examples, validation_examples)

    def table(split):
        load = functools.partial(draw_vessels, split, range(counts[split]), size, channels)

        def arrays():
            images, masks = load()
            return masks, None, images

        return Split.whole(Table(split, counts[split], arrays))

    return Source(
        "vessels",
        (*size, 1),
        2,
        None,
        {split: table(split) for split in counts},
        condition_shape=(*size, channels),
        condition_levels=256,
    )


def draw_vessels(split, indices, size, channels, rows=64):
    """Pictures, uint8 [n, h, w, channels], and their masks, uint8 [n, h, w, 1] in {0, 1}."""
    indices = np.asarray(indices, np.int64)
    keys = [noise.philox_key("vessels", part, split) for part in ("curves", "colours", "noise")]
    images = np.empty((len(indices), *size, channels), np.uint8)
    masks = np.empty((len(indices), *size, 1), np.uint8)
    for start in range(0, len(indices), rows):
        here = slice(start, start + rows)
        numbers = _uniform(keys[0], indices[here], _CURVES * _PER_CURVE)
        field = _field(*_tree(numbers.reshape(-1, _CURVES, _PER_CURVE), size), size)
        masks[here] = field[..., None] >= 0
        shades = _uniform(keys[1], indices[here], _PER_IMAGE)
        # Two words make a normal number.
        grain = _uniform(keys[2], indices[here], 2 * math.prod(size)).reshape(-1, 2, *size)
        images[here] = _picture(field, shades, grain, channels)
    return images, masks


def _uniform(key, positions, count):
    """Numbers in (0, 1), float64 [n, count]."""
    return (noise.random_words(key, positions, count).astype(np.float64) + 0.5) * 2.0**-32


def _tree(numbers, size):
    """Points [n, k, 2] along all curves and their radii [n, k], in pixels; absent ones have -1."""
    scale = math.sqrt(math.prod(size))
    trunks, *offshoots = _TREE
    of_curves = np.moveaxis(numbers, 2, 0)
    taken, count, grown = 0, trunks, []
    for level, number in enumerate((1, *offshoots)):
        count *= number
        u, taken = of_curves[:, :, taken : taken + count], taken + count
        roots = _offshoots(grown[-1], number, u) if level else _trunks(u, size)
        grown.append(_grow(*roots, u, level, scale))
    points = [curve.reshape(len(curve), -1, 2) for curve, *_ in grown]
    radii = [
        np.where(present[..., None], thickness, -1.0).reshape(len(thickness), -1)
        for *_, thickness, present in grown
    ]
    return np.concatenate(points, 1), np.concatenate(radii, 1)


def _trunks(u, size):
    """Where vessels begin, their directions and radii, and that all of them are there.

    From somewhere beyond the rim towards somewhere near the middle.
    """
    scale = math.sqrt(math.prod(size))
    around = 2 * math.pi * (u[0] + np.arange(u.shape[2]) / u.shape[2])
    start = np.array(size) / 2 + 0.55 * scale * np.stack([np.sin(around), np.cos(around)], -1)
    heading = around + math.pi + 0.9 * (u[1] - 0.5)
    return start, heading, scale * (0.028 + 0.035 * u[2]), np.ones(around.shape, bool)


def _offshoots(parents, number, u):
    """The same of `number` thinner vessels from the middle of each parent, to either side."""
    curve, angle, thickness, present = (np.repeat(a, number, 1) for a in parents)
    at = (curve.shape[2] * (0.2 + 0.5 * u[0])).astype(int)[..., None]
    start = np.take_along_axis(curve, at[..., None], 2)[:, :, 0]
    side = np.where((np.arange(at.shape[1]) % 2 == 0) == (u[1] < 0.5), 1, -1)
    heading = np.take_along_axis(angle, at, 2)[..., 0] + side * (0.5 + 0.6 * u[11])
    radius = np.take_along_axis(thickness, at, 2)[..., 0] * (0.55 + 0.25 * u[2])
    return start, heading, radius, present & (u[3] < 0.85)


def _grow(start, heading, radius, present, u, level, scale):
    """(points [n, m, k, 2], headings [n, m, k], radii [n, m, k], present [n, m]) of m curves.

    The heading turns smoothly, by two waves of random strength and phase; the radius falls along
    the way and wavers.
    """
    along = np.linspace(0, 1, _POINTS[level])
    angle = heading[..., None]
    for strength, pair, waves in ((1.6, u[4:6], 0.7), (1.2, u[6:8], 1.9)):
        turn = np.sin(2 * math.pi * (waves * along + pair[1][..., None]))
        angle = angle + strength * (pair[0] - 0.5)[..., None] * (turn - turn[..., :1])
    length = scale * (1.2, 0.7, 0.4)[level] * (0.6 + 0.6 * u[8])
    step = (length / _POINTS[level])[..., None, None]
    course = np.cumsum(step * np.stack([np.sin(angle), np.cos(angle)], -1), 2)
    wavering = np.sin(2 * math.pi * (3 * along * u[9][..., None] + u[10][..., None]))
    thickness = radius[..., None] * (1 - 0.45 * along) * (1 + 0.12 * wavering)
    return start[:, :, None] + course, angle, np.maximum(thickness, 0.55), present


def _field(points, radii, size):
    """max over points of radius^2 - distance^2 at the middle of each pixel, [n, h, w].

    It is not negative exactly on the vessels: squares of whole numbers of 1/8 pixel.
    """
    reach = np.where(radii < 0, _FAR, np.rint((radii * _GRID) ** 2)).astype(np.int32)
    # Beyond half an image outside nothing reaches in.
    limit = np.array(size) * _GRID
    at = np.clip(np.rint(points * _GRID), -limit // 2, limit * 3 // 2).astype(np.int32)
    rows, columns = (np.arange(side, dtype=np.int32) * _GRID + _GRID // 2 for side in size)
    of_rows = reach[..., None] - (rows - at[..., :1]) ** 2
    of_columns = -((columns - at[..., 1:]) ** 2)
    field = np.full((len(points), *size), _FAR, np.int32)
    here = np.empty_like(field)
    for i in range(points.shape[1]):
        np.add(of_rows[:, i, :, None], of_columns[:, i, None, :], out=here)
        np.maximum(field, here, out=field)
    return field / _GRID**2


def _picture(field, shades, grain, channels):
    """Colours over the field: a lit, uneven ground, darker vessels, lesions, noise."""
    height, width = field.shape[1:]
    u = shades.T[..., None, None]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    lean = 2 * math.pi * u[0]
    light = 1 + 0.3 * (u[1] - 0.2) * (np.cos(lean) * x + np.sin(lean) * y)
    light = light - 0.3 * u[2] * ((x - u[3] + 0.5) ** 2 + (y - u[4] + 0.5) ** 2)
    for i in range(5, 17, 4):  # slow waves
        turn, phase = 2 * math.pi * u[i], 2 * math.pi * u[i + 1]
        wave = (1.5 + 3 * u[i + 2]) * (np.cos(turn) * x + np.sin(turn) * y)
        light = light + 0.09 * u[i + 3] * np.sin(wave * math.pi + phase)
    # A bright disc, as where the nerve leaves the eye, and dark and bright spots that are none.
    spots = [(17, 0.02 + 0.08 * u[19], 0.35 * (u[20] > 0.4)), (21, 0.01 * u[23] + 0.004, -0.3)]
    spots += [(25, 0.008 * u[27] + 0.004, 0.25), (29, 0.006 * u[31] + 0.003, -0.25)]
    for i, width_2, strength in spots:
        distance = (x - 2 * u[i] + 1) ** 2 + (y - 2 * u[i + 1] + 1) ** 2
        light = light + strength * np.exp(-distance / (2 * width_2))
    # About the distance into the vessel in pixels; at the rim half of the contrast.
    edge = 1 / (1 + np.exp(-np.clip(field / 0.9, -60, 60)))
    contrast = 0.22 + 0.33 * u[33]
    normal = np.sqrt(-2 * np.log(grain[:, 0])) * np.cos(2 * math.pi * grain[:, 1])
    level = light * (1 - contrast * edge) + (0.03 + 0.06 * u[34]) * normal
    if channels == 1:
        return np.rint(np.clip(150 * level, 0, 255))[..., None].astype(np.uint8)
    # Vessels are darkest in green, as blood is; red hardly changes.
    colour = np.stack(
        [
            (190 + 30 * u[35]) * (0.45 * light + 0.55 * level),
            (105 + 30 * u[36]) * level,
            (60 + 25 * u[37]) * (0.6 * light + 0.4 * level),
        ],
        -1,
    )
    return np.rint(np.clip(colour, 0, 255)).astype(np.uint8)
