"""Images of any size by overlapping tiles of one size."""

import numpy as np


class Tiles:
    """Tiles that cover an image, evenly spaced, neighbours with `overlap` pixels or more in common.

    Of an image that is smaller than a tile along a side, one tile is made of it and its reflection
    beyond the right or lower edge, which is left out again of what is put together.

    Args:
      shape: (height, width) of the image.
      size: (height, width) of a tile.
      overlap: the least number of pixels that neighbours share, along both sides.

    Attributes:
      corners: (top, left) of each tile, row by row.

    Raises:
      ValueError: if the overlap is negative or as large as a tile.
    """

    def __init__(self, shape, size, overlap=0):
        if not 0 <= overlap < min(size):
            raise ValueError(
                f"Tiles of {size[0]}x{size[1]} can overlap by 0 to {min(size) - 1} pixels, got "
                f"{overlap}."
            )
        self._shape, self._size = tuple(shape), tuple(size)
        self._padded = tuple(max(s, t) for s, t in zip(shape, size, strict=True))
        self._starts = [_starts(s, t, overlap) for s, t in zip(self._padded, size, strict=True)]
        self.corners = [(top, left) for top in self._starts[0] for left in self._starts[1]]

    def cut(self, image):
        """The tiles of an image [height, width, ...]: [n, *size, ...]."""
        beyond = [(0, p - s) for p, s in zip(self._padded, self._shape, strict=True)]
        image = np.pad(image, beyond + [(0, 0)] * (image.ndim - 2), "symmetric")
        return np.stack([image[self._at(corner)] for corner in self.corners])

    def blended(self, tiles):
        """The weighted mean of what overlapping tiles [n, *size] say of each pixel, float64.

        A tile weighs most in its middle and least at its edge, where it sees least of what lies
        around: the product over both axes of the distance to the nearer edge, in pixels from 1 on.
        """
        total, weights = np.zeros(self._padded), np.zeros(self._padded)
        weight = np.outer(*(np.minimum(np.arange(t), np.arange(t)[::-1]) + 1.0 for t in self._size))
        for corner, tile in zip(self.corners, tiles, strict=True):
            total[self._at(corner)] += weight * tile
            weights[self._at(corner)] += weight
        return (total / weights)[self._inside]

    def mosaic(self, tiles):
        """Each pixel from the one tile whose middle is nearest, [height, width], as of one drawing.

        Args:
          tiles: [n, *size].
        """
        tiles = np.asarray(tiles).reshape(*map(len, self._starts), *self._size)
        (row, i), (column, j) = (
            _owners(starts, side, tile)
            for starts, side, tile in zip(self._starts, self._padded, self._size, strict=True)
        )
        return tiles[row[:, None], column, i[:, None], j][self._inside]

    @property
    def _inside(self):
        return tuple(map(slice, self._shape))

    def _at(self, corner):
        return tuple(slice(c, c + t) for c, t in zip(corner, self._size, strict=True))


def _starts(side, tile, overlap):
    """Where tiles begin along a side, at 0 first and so that the last one ends with it."""
    count = -(-(side - tile) // (tile - overlap)) + 1
    return [round(start) for start in np.linspace(0, side - tile, count)]


def _owners(starts, side, tile):
    """(the tile whose middle is nearest, the place in it) of each pixel of a side."""
    middles = np.array(starts) + (tile - 1) / 2
    owner = np.abs(np.arange(side)[:, None] - middles).argmin(1)
    return owner, np.arange(side) - np.array(starts)[owner]
