"""Numbers as colours."""

import numpy as np

# Brighter from end to end, so that it reads in grey as well.
_COLOURS = ((16, 18, 58), (38, 84, 168), (52, 166, 158), (244, 208, 63), (255, 252, 228))


def heat_map(values, low, high):
    """Numbers to colours, from dark blue at `low` over teal and yellow to white at `high`.

    Args:
      values: an array of any shape.
      low: what is darkest; smaller values are, too.
      high: what is brightest.

    Returns uint8 [*shape, 3].
    """
    places = np.clip((np.asarray(values, np.float64) - low) / max(high - low, 1e-12), 0, 1)
    stops = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(places, stops, channel) for channel in np.transpose(_COLOURS)]
    return np.rint(np.stack(channels, -1)).astype(np.uint8)
