"""Images on the square lattice resampled on the hexagonal one, and back."""

import math

import keras
import numpy as np
import tensorflow as tf

from glf.layers.lattice import HEXAGONAL, cells, hexagon

# Distance of neighbouring cells in pixels: a cell then has the area of a pixel.
PITCH = math.sqrt(2 / math.sqrt(3))
COVERS = ("disc", "image")


def radius_for(height, width, cover="disc"):
    """The radius of the smallest hexagonal image that covers a square one of these sides.

    Args:
      height, width: of the square image.
      cover: "disc": what every rotation keeps of the image, the largest disc of its pixels' centres
        about its centre; "image": all of it, its corners too.

    Raises:
      ValueError: for another `cover`.
    """
    if cover not in COVERS:
        raise ValueError(f"cover is one of {COVERS}, got {cover!r}.")
    y, x = (height - 1) / 2, (width - 1) / 2
    if cover == "disc":
        return max(1, math.ceil(min(x, y) / (PITCH * math.sqrt(3) / 2) - 1e-9))
    row, column = _axial(y, np.array([-x, x]))
    farthest = np.max(np.maximum(np.maximum(abs(row), abs(column)), abs(row + column)))
    return max(1, math.ceil(farthest - 1e-9))


class ToHexagonal(keras.layers.Layer):
    """Square images on the hexagonal lattice: what bilinear interpolation gives at its cells.

    Cells lie `PITCH` pixels apart, the centre of both images on each other, so that there are as
    many cells as pixels. Beyond the image it is continued by its edge.

    [batch, height, width, n] to [batch, 2 radius + 1, 2 radius + 1, n], 0 outside of the hexagon.

    Args:
      cover: what of the image the hexagon covers, see `radius_for`.

    Raises:
      ValueError: for another `cover`.
    """

    def __init__(self, cover="disc", *, dtype=None):
        super().__init__(dtype=dtype)
        radius_for(1, 1, cover)
        self.cover = cover

    def build(self, input_shape):
        """Computes where cells lie."""
        height, width = input_shape[1:3]
        self.side = 2 * radius_for(height, width, self.cover) + 1
        offsets, inside = cells(HEXAGONAL, self.side)
        row, column = (offsets / 2).T
        y = PITCH * row * math.sqrt(3) / 2 + (height - 1) / 2
        x = PITCH * (column + row / 2) + (width - 1) / 2
        self.interpolation = _bilinear(y, x, height, width, inside)

    def call(self, image):
        """The hexagonal image."""
        return _interpolated(image, self.interpolation, (self.side, self.side))

    def compute_output_shape(self, input_shape):
        """The hexagon's array."""
        side = 2 * radius_for(*input_shape[1:3], self.cover) + 1
        return (input_shape[0], side, side, input_shape[-1])


class ToSquare(keras.layers.Layer):
    """Hexagonal images on the square lattice: linear interpolation between three cells.

    The way back of `ToHexagonal`, which gives a smoother image than it was given. A pixel beyond
    the hexagon is given what the nearest cells of the hexagon have.

    [batch, 2 radius + 1, 2 radius + 1, n] to [batch, height, width, n].

    Args:
      size: (height, width) of the square image.

    Attributes:
      covered: which pixels lie within the hexagon, bool [height, width], after `build`.
    """

    def __init__(self, size, *, dtype=None):
        super().__init__(dtype=dtype)
        self.size = tuple(size)

    def build(self, input_shape):
        """Computes where pixels lie."""
        side = input_shape[1]
        hexagon(*input_shape[1:3])
        height, width = self.size
        y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        axial = np.stack(_axial(y - (height - 1) / 2, x - (width - 1) / 2), axis=-1).reshape(-1, 2)
        reach = _steps(axial)
        limit = (side - 1) / 2
        self.covered = (reach <= limit + 1e-9).reshape(self.size)
        # Drawn in along the line to the centre, to the edge of the hexagon.
        axial *= np.minimum(1.0, limit / np.maximum(reach, 1e-9))[:, None]
        self.interpolation = _between_cells(axial, side)

    def call(self, image):
        """The square image."""
        return _interpolated(image, self.interpolation, self.size)

    def compute_output_shape(self, input_shape):
        """The square image's."""
        return (input_shape[0], *self.size, input_shape[-1])


def _axial(y, x):
    """Axial coordinates (row, column), in steps, of places in pixels from the centre."""
    row = np.asarray(y) / (PITCH * math.sqrt(3) / 2)
    return row, np.asarray(x) / PITCH - row / 2


def _steps(axial):
    row, column = axial[..., 0], axial[..., 1]
    return np.maximum(np.maximum(abs(row), abs(column)), abs(row + column))


def _bilinear(y, x, height, width, inside):
    """(positions, weights), both [places, 4], of places (y, x); weights are 0 where not inside."""
    positions, weights = [], []
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    for below in (0, 1):
        for right in (0, 1):
            row, column = np.minimum(top + below, height - 1), np.minimum(left + right, width - 1)
            positions.append(row * width + column)
            of_row = y - top if below else 1 - (y - top)
            of_column = x - left if right else 1 - (x - left)
            weights.append(inside * of_row * of_column)
    return np.stack(positions, 1), np.stack(weights, 1)


def _between_cells(axial, side):
    """(positions, weights), both [places, 3]: the triangle of cells around axial coordinates."""
    corner = np.floor(axial + 1e-9).astype(int)
    row, column = (axial - corner).T
    upper = (row + column > 1)[:, None]
    # Of the rhombus of four cells the shorter diagonal parts two triangles.
    steps = np.where(upper[..., None], [[1, 1], [0, 1], [1, 0]], [[0, 0], [0, 1], [1, 0]])
    of_first = np.where(upper[:, 0], row + column - 1, 1 - row - column)
    of_second = np.where(upper[:, 0], 1 - row, column)
    of_third = np.where(upper[:, 0], 1 - column, row)
    at = corner[:, None, :] + steps + (side - 1) // 2
    weights = np.stack([of_first, of_second, of_third], axis=1)
    at = np.clip(at, 0, side - 1)
    return at[..., 0] * side + at[..., 1], weights


def _interpolated(image, table, sides):
    """The weighted sums of an image at positions, as an image of these sides.

    The gradient is such a sum too, by the transposed table: no scattering.
    """
    _, height, width, features = image.shape
    flat = tf.reshape(image, (-1, height * width, features))
    transposed = _transposed(*table, height * width)

    @tf.custom_gradient
    def resampled(flat):
        return _weighted(flat, *table), lambda upstream: _weighted(upstream, *transposed)

    return tf.reshape(resampled(flat), (-1, *sides, features))


def _weighted(flat, positions, weights):
    """[batch, m, n] to [batch, places, n], sums over [places, k] positions."""
    each = tf.gather(flat, tf.constant(positions, tf.int32), axis=1)
    return tf.reduce_sum(each * tf.constant(weights[..., None], flat.dtype), axis=2)


def _transposed(positions, weights, sources):
    """(positions, weights) of the transpose of a table, filled up with weights of 0."""
    targets = np.repeat(np.arange(len(positions)), positions.shape[1])
    used = weights.reshape(-1) != 0
    order = np.argsort(positions.reshape(-1)[used], kind="stable")
    of, by = positions.reshape(-1)[used][order], targets[used][order]
    number = np.arange(len(of)) - np.searchsorted(of, of)
    table = np.zeros((sources, number.max() + 1), int), np.zeros((sources, number.max() + 1))
    table[0][of, number] = by
    table[1][of, number] = weights.reshape(-1)[used][order]
    return table
