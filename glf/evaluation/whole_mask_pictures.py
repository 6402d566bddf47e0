"""Pictures of whole images with their masks, by people and by a model."""

import numpy as np
from PIL import Image

from glf.evaluation.heat_map import heat_map
from glf.evaluation.segmentation import entropy

# Colours of pixels that both observers marked, only the first, only the second, and neither.
_BOTH, _FIRST, _SECOND, _NEITHER = (255, 255, 255), (255, 150, 40), (70, 150, 255), (0, 0, 0)
_HIGHEST = 300  # rows of a panel at most
_GAP = 4


def strip(pair, samples, mean):
    """Panels side by side: image, people's masks, a sample, the mean, the uncertainty.

    Of people's masks white is what both marked, orange what only the first one did, blue what only
    the second one did; without a second observer the first one's are white. The uncertainty goes
    from dark blue, 0 bits, to white, 1 bit. What lies outside of the field of view is dark. Panels
    of more than 300 rows are reduced by the least whole factor, in means over blocks.

    Args:
      pair: a `WholePair`.
      samples: bool [S, height, width].
      mean: numbers in [0, 1], [height, width].

    Returns uint8 [rows, columns, 3].
    """
    field = np.ones_like(pair.first) if pair.field is None else pair.field
    image = np.broadcast_to(pair.image, (*pair.first.shape, 3))
    panels = [image, people(pair), in_grey(samples[0] & field), in_grey(np.where(field, mean, 0))]
    panels.append(heat_map(np.where(field, entropy(np.clip(mean, 0, 1)), 0), 0, 1))
    factor = -(-image.shape[0] // _HIGHEST)
    shown = [Image.fromarray(np.ascontiguousarray(panel)).reduce(factor) for panel in panels]
    gap = np.full((shown[0].height, _GAP, 3), 255, np.uint8)
    return np.concatenate([part for panel in shown for part in (panel, gap)][:-1], 1)


def people(pair):
    """uint8 [height, width, 3] of what the observers marked."""
    second = pair.first if pair.second is None else pair.second
    colours = np.array([_NEITHER, _SECOND, _FIRST, _BOTH], np.uint8)
    return colours[2 * pair.first.astype(int) + second]


def in_grey(values):
    """Numbers in [0, 1] as uint8 [height, width, 3]."""
    grey = np.rint(255 * np.asarray(values, np.float64)).astype(np.uint8)
    return np.broadcast_to(grey[..., None], (*grey.shape, 3))
