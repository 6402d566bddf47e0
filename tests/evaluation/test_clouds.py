"""Planes in which points differ, and dots at their places."""

import numpy as np

from glf.evaluation import clouds


def test_labels_choose_the_plane():
    """Means that differ in two directions of small deviation, beside a third one of a large."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 600)
    points = generator.normal(size=(600, 4)) * [0.1, 0.1, 30.0, 0.1]
    points[:, :2] += np.array([(0, 0), (2, 0), (0, 2)])[labels]
    axes, centre = clouds.plane(points, labels)
    flat = (points - centre) @ axes
    means = np.stack([flat[labels == k].mean(0) for k in range(3)])
    nearest = np.linalg.norm(flat[:, None] - means, axis=-1).argmin(1)
    np.testing.assert_array_equal(nearest, labels)
    axes, _ = clouds.plane(points)
    assert abs(axes[2, 0]) > 0.99  # without labels the direction of the largest deviation


def test_points_are_dots_at_their_places():
    """A cloud's own place is dark in its panel only; faint points of the reference lie below."""
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(500, 2)) * [3.0, 1.0]
    axes, centre = clouds.plane(reference)
    cloud = reference[:1]
    drawn = clouds.row(reference, None, (cloud, np.zeros((0, 2))), side=100)
    assert drawn.shape == (104, 312, 3)
    panels = [drawn[:100, 104 * i : 104 * i + 100] for i in range(3)]
    dark = [np.argwhere((panel == 20).all(-1)) for panel in panels]
    assert [len(places) for places in dark] == [0, 4, 0]
    # The picture's middle is the reference's, and above is where the second number is greater.
    flat = (reference - centre) @ axes
    low, high = np.quantile(flat, [0.002, 0.998], axis=0)
    place = (flat[0] - (low + high) / 2) / (1.2 * (high - low).max()) + 0.5
    row, column = dark[1].mean(0) + 0.5
    np.testing.assert_allclose([column / 100, 1 - row / 100], place, atol=0.015)
