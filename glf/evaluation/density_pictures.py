"""Densities of points in the plane as pictures: the model's, its samples', the data's."""

import numpy as np
import tensorflow as tf

from glf.evaluation.heat_map import heat_map

POINTS = 20_000
_SIDE, _CELL, _GAP = 240, 4, 2


def beside_data(model, dataset, samples):
    """`picture` of samples and of as many first validation (or training) points.

    Samples that are not finite are left out.
    """
    split = "validation" if dataset.num_examples("validation") else "train"
    data = dataset.examples(split, slice(0, len(samples)))["x"]
    samples = np.asarray(samples)
    return picture(model, samples[np.isfinite(samples).all(1)], data)


def picture(model, samples, data, side=_SIDE):
    """Three panels on one scale of colours: exp(log p) on a grid, samples, data.

    The second and the third are histograms in cells of 4 pixels. All show the square around the
    data, and are brightest where the density is at least its 98th percentile over the data.

    Args:
      model: a model whose `log_prob` takes points [n, 2].
      samples: points [n, 2].
      data: points [m, 2].
      side: pixels of a panel.

    Returns uint8 [side, 3 * side + gaps, 3].

    Raises:
      ValueError: if the points do not lie in a plane.
    """
    samples, data = np.asarray(samples, np.float64), np.asarray(data, np.float64)
    if data.shape[1:] != (2,):
        raise ValueError(
            f"Only densities of points in the plane can be drawn, got points of {data.shape[1]} "
            "numbers; bind train.pictures_every = 0."
        )
    low, high = data.min(0), data.max(0)
    half = 0.55 * (high - low).max()
    corner, span = (low + high) / 2 - half, 2 * half
    places = (np.arange(side) + 0.5) / side * span
    # The first row is on top, where the second number is largest.
    columns, rows = np.meshgrid(corner[0] + places, corner[1] + places[::-1])
    grid = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.float32)
    density = np.exp(_log_prob(model, grid).reshape(side, side))
    brightest = np.quantile(np.exp(_log_prob(model, data.astype(np.float32))), 0.98)
    panels = [density, *(_histogram(points, corner, span, side) for points in (samples, data))]
    gap = np.full((side, _GAP, 3), 255, np.uint8)
    first, second, third = (heat_map(np.nan_to_num(p), 0.0, brightest) for p in panels)
    return np.concatenate([first, gap, second, gap, third], 1)


def _log_prob(model, points):
    return np.asarray(model.log_prob(tf.constant(points)), np.float64)


def _histogram(points, corner, span, side):
    """The density of points in cells of a few pixels, [side, side]."""
    cells = max(1, side // _CELL)
    edges = [np.linspace(corner[i], corner[i] + span, cells + 1) for i in range(2)]
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], edges)
    density = counts / (len(points) * (span / cells) ** 2)
    nearest = np.arange(side) * cells // side
    return density.T[::-1][nearest][:, nearest]
