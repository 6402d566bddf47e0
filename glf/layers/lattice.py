"""Square and hexagonal lattices in arrays: which cells there are, and sizes that keep symmetry.

The hexagonal lattice is held in axial coordinates (row r, column q): the cell lies at
x = q + r / 2, y = r sqrt(3) / 2, in units of the distance of neighbours, and its six neighbours at
the offsets (0, 1), (1, 0), (1, -1) and their opposites (Hoogeboom, Peters, Cohen, Welling 2018,
"HexaConv", arXiv 1803.02108, section 3.2). A hexagonal image of radius n, all cells within n steps
of its centre, is an array of side 2 n + 1; outside of the hexagon the array is 0.
"""

import functools

import numpy as np

SQUARE, HEXAGONAL = "square", "hexagonal"


@functools.cache
def cells(lattice, side):
    """The positions of an array [side, side], row by row, as seen from its centre.

    Returns:
      (offsets, inside): twice the offsets (row, column) from the centre, int [side², 2], which are
      integers for even sides too; and which positions are cells, bool [side²]: all of a square,
      those of the hexagon of the hexagonal lattice.

    Raises:
      ValueError: for an even side on the hexagonal lattice, which has no centre.
    """
    if lattice == HEXAGONAL and side % 2 == 0:
        raise ValueError(
            f"On the hexagonal lattice sides are odd, 2 * radius + 1, so that a cell is the "
            f"centre; got {side}."
        )
    along = 2 * np.arange(side) - (side - 1)
    offsets = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    if lattice == SQUARE:
        return offsets, np.ones(side * side, bool)
    return offsets, steps(offsets) <= side - 1


def steps(offsets):
    """How many steps between neighbours axial offsets [..., 2] are away."""
    rows, columns = offsets[..., 0], offsets[..., 1]
    return np.maximum(np.maximum(abs(rows), abs(columns)), abs(rows + columns))


def hexagon(height, width):
    """Which positions of an array are cells of the hexagonal image it holds: bool [height, width].

    Raises:
      ValueError: if it holds none: its sides are not equal, or even.
    """
    if height != width:
        raise ValueError(
            f"A hexagonal image is an array of equal sides 2 * radius + 1, got {height} x {width}."
        )
    return cells(HEXAGONAL, height)[1].reshape(height, width)


def halved(side):
    """The side of what stride 2 makes of a side: of every other place, about the same centre.

    An even side, whose centre lies between places, is halved. An odd one keeps its central place:
    2 n + 1 becomes 2 floor(n / 2) + 1.
    """
    return side // 2 if side % 2 == 0 else 2 * (side // 4) + 1


def padding(side, size, stride):
    """How a window of `size` moves over a side so that the way from either end is the same.

    Returns:
      (places, pad): how many places the window takes, `stride` apart, and how far beyond each end
      it reaches.

    Raises:
      ValueError: where nothing is symmetric: for stride 1 and a window of even size, or for stride
        2 and a window whose size is odd where the side is even, or even where it is odd, or 1.
    """
    if stride not in (1, 2):
        raise ValueError(f"stride is 1 or 2, got {stride}.")
    if stride == 1 and size % 2 == 0:
        raise ValueError(
            f"With stride 1 a window has an odd size, or it keeps no rotation; got {size}."
        )
    if stride == 2 and ((side - size) % 2 or size == 1):
        wanted = "an odd size, 3 or more" if side % 2 else "an even size"
        raise ValueError(
            f"Stride 2 over {side} places wants a window of {wanted}, got {size}: any other is not "
            "symmetric about the centre, and what turns with the image would not do so any more."
        )
    places = side if stride == 1 else halved(side)
    return places, (stride * (places - 1) + size - side) // 2


def halving_size(height, width):
    """The size of a window, 3 or 4, that halves these sides.

    Raises:
      ValueError: if one is even and the other odd, so that no square window fits both.
    """
    if (height - width) % 2:
        raise ValueError(
            f"Stride 2 wants two even sides or two odd ones, got {height} x {width}: a window that "
            "is to be rotated is square, and symmetric for one of them only. Crop or pad the "
            "images, or halve them less often."
        )
    return 4 if height % 2 == 0 else 3
