"""Clouds of points of many numbers, drawn in the plane in which they differ most."""

import numpy as np

# Ten colours of about one brightness, for labels 0, 1, 2, ... in turn; faint ones are nearer white.
_COLOURS = np.array(
    [
        (214, 69, 65),
        (66, 120, 190),
        (76, 160, 80),
        (235, 150, 40),
        (140, 90, 180),
        (60, 170, 180),
        (200, 90, 160),
        (140, 110, 60),
        (120, 130, 140),
        (170, 180, 50),
    ],
    np.uint8,
)
_DARK = np.array((20, 20, 20), np.uint8)
_GAP = 4
# The share of the points on either side that may lie outside of a panel.
_OUTSIDE = 0.002


def row(reference, labels, clouds, side=300):
    """Panels on one scale: the reference by labels, then each cloud in black over it, faint.

    Args:
      reference: points [n, d], d >= 2; they choose plane and scale.
      labels: int [n], or None.
      clouds: arrays of points [m, d], which may be empty.
      side: pixels of a panel.

    Returns uint8 [side + gap, panels * (side + gap), 3]. Points outside are not drawn.
    """
    axes, centre = plane(reference, labels)
    flat = (reference - centre) @ axes
    low, high = np.quantile(flat, [_OUTSIDE, 1 - _OUTSIDE], axis=0)
    half = 0.6 * (high - low).max()
    corner = (low + high) / 2 - half
    numbers = np.zeros(len(flat), int) if labels is None else np.asarray(labels)
    colours = _COLOURS[numbers % len(_COLOURS)]
    panels = [_dots(_blank(side), flat, colours, corner, 2 * half)]
    faint = (255 - (255 - colours.astype(int)) // 4).astype(np.uint8)
    under = _dots(_blank(side), flat, faint, corner, 2 * half)
    for cloud in clouds:
        points = (np.asarray(cloud) - centre) @ axes
        dark = np.broadcast_to(_DARK, (len(points), 3))
        panels.append(_dots(under.copy(), points, dark, corner, 2 * half))
    return np.concatenate(
        [np.pad(p, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for p in panels], 1
    )


def plane(points, labels=None):
    """(axes [d, 2], centre [d]) of the plane in which labels, or else points, differ most.

    With labels of three kinds or more the first two linear discriminants, the directions in which
    the means of labels differ most beside the deviation within; else the first two principal axes.
    """
    from sklearn.decomposition import PCA  # slow to import, needed only here
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    if labels is not None and len(np.unique(labels)) > 2:
        found = LinearDiscriminantAnalysis(n_components=2).fit(points, labels)
        return found.scalings_[:, :2], found.xbar_
    found = PCA(2, svd_solver="full").fit(points)
    return found.components_.T, found.mean_


def _blank(side):
    return np.full((side, side, 3), 255, np.uint8)


def _dots(pixels, points, colours, corner, span):
    """Draws points as dots of 2 by 2 pixels, on top those whose second number is greatest."""
    side = len(pixels)
    places = (points - corner) / span * side
    inside = ((places >= 0) & (places < side - 1)).all(1)
    columns, rows = np.floor(places[inside]).astype(int).T
    for i in (0, 1):
        for j in (0, 1):
            pixels[side - 1 - rows - i, columns + j] = colours[inside]
    return pixels
