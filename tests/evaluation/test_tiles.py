"""Tiles: every pixel covered, by one tile where there is one drawing, and by a mean of all."""

import numpy as np
import pytest

from glf.evaluation.tiles import Tiles

# Shapes of images, of tiles, and overlaps: odd ones, one tile exactly, images smaller than a tile.
CASES = [
    ((13, 17), (4, 6), 0),
    ((13, 17), (4, 6), 3),
    ((23, 8), (5, 8), 2),
    ((7, 7), (7, 7), 6),
    ((3, 19), (8, 8), 3),
    ((1, 1), (4, 4), 1),
]


@pytest.mark.parametrize(("shape", "size", "overlap"), CASES)
def test_tiles_cover_and_come_together_again(shape, size, overlap):
    tiles = Tiles(shape, size, overlap)
    image = np.random.default_rng(0).random((*shape, 2))
    cut = tiles.cut(image)
    assert cut.shape == (len(tiles.corners), *size, 2)
    np.testing.assert_array_equal(tiles.mosaic(cut[..., 1]), image[..., 1])
    np.testing.assert_allclose(tiles.blended(cut[..., 0]), image[..., 0], rtol=1e-12)
    for constant in (0.0, 0.5, 1.0):
        blended = tiles.blended(np.full((len(cut), *size), constant))
        np.testing.assert_array_equal(blended, np.full(shape, constant))


@pytest.mark.parametrize(("shape", "size", "overlap"), CASES)
def test_a_drawing_has_each_pixel_from_one_tile_the_nearest(shape, size, overlap):
    tiles = Tiles(shape, size, overlap)
    numbers = np.arange(len(tiles.corners))[:, None, None] + np.zeros(size, int)
    owner = tiles.mosaic(numbers)
    middles = np.array(tiles.corners) + (np.array(size) - 1) / 2
    for at in np.ndindex(shape):
        distance = np.abs(middles - at).max(1) + np.abs(middles - at).sum(1)
        assert distance[owner[at]] == distance.min()
    shares = np.bincount(owner.ravel(), minlength=len(numbers))
    assert shares.sum() == np.prod(shape)
    if min(shape[i] - size[i] for i in range(2)) >= 0:
        assert (shares > 0).all()


def test_neighbours_overlap_by_what_was_asked_for_and_are_no_more_than_needed():
    tops = sorted({top for top, _ in Tiles((100, 16), (16, 16), 5).corners})
    assert tops[0] == 0
    assert tops[-1] == 84
    assert max(np.diff(tops)) <= 16 - 5
    assert len(tops) == 9  # eight tiles reach 16 + 7 * 11 = 93 of 100


def test_the_mean_weighs_the_middle_of_a_tile_most():
    parts = np.array([np.ones((4, 4)), np.zeros((4, 4))])
    tiles = Tiles((4, 7), (4, 4), 1)
    assert tiles.corners == [(0, 0), (0, 3)]
    np.testing.assert_allclose(tiles.blended(parts), [[1, 1, 1, 0.5, 0, 0, 0]] * 4)
    np.testing.assert_allclose(
        Tiles((4, 5), (4, 4), 1).blended(parts), [[1, 2 / 3, 1 / 2, 1 / 3, 0]] * 4
    )


@pytest.mark.parametrize("overlap", [-1, 4])
def test_refusals(overlap):
    with pytest.raises(ValueError, match=r"Tiles of 4x6 can overlap by 0 to 3 pixels, got"):
        Tiles((9, 9), (4, 6), overlap)
