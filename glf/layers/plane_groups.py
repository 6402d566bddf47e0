"""Groups of rotations and reflections that carry a lattice of pixels to itself, as tables.

An element t is an integer matrix of offsets (row, column) from a centre. It moves an image by
(L_t f)(x) = f(t⁻¹ x), and a map that has a value for each element g of the group at each place,
group features, by (L_t f)(x, g) = f(t⁻¹ x, t⁻¹ g). Group features are held as channels, element by
element: channel g C + c of [batch, height, width, |G| C].
"""

import dataclasses
import functools
import math

import numpy as np

from glf.layers.lattice import HEXAGONAL, SQUARE, cells

# Counterclockwise by a quarter and by a sixth of a turn, and a reflection, of (row, column). On the
# hexagonal lattice these are axial coordinates, see `glf.layers.lattice`.
_ROTATION = {SQUARE: ((0, -1), (1, 0)), HEXAGONAL: ((0, -1), (1, 1))}
_REFLECTION = {SQUARE: ((1, 0), (0, -1)), HEXAGONAL: ((0, 1), (1, 0))}

# {name: (lattice, whether rotations, whether reflections)}
_KINDS = {
    "z2": (SQUARE, False, False),
    "p4": (SQUARE, True, False),
    "p4m": (SQUARE, True, True),
    "z2_hexagonal": (HEXAGONAL, False, False),
    "p6": (HEXAGONAL, True, False),
    "p6m": (HEXAGONAL, True, True),
}
GROUP_NAMES = tuple(_KINDS)


@dataclasses.dataclass(frozen=True, eq=False)
class PlaneGroup:
    """A finite group of integer matrices, closed under products.

    Attributes:
      name: as configurations say it.
      lattice: what it acts on, `lattice.SQUARE` or `lattice.HEXAGONAL`.
      matrices: its elements, int [order, 2, 2], the identity first.
    """

    name: str
    lattice: str
    matrices: np.ndarray

    @property
    def order(self):
        """The number of elements, |G|."""
        return len(self.matrices)

    @functools.cached_property
    def products(self):
        """int [order, order]: which element M_i M_j is."""
        return np.array([[self._number(a @ b) for b in self.matrices] for a in self.matrices])

    @functools.cached_property
    def inverses(self):
        """int [order]: which element the inverse of each is."""
        return np.argmin(self.products, axis=1)

    def _number(self, matrix):
        return next(i for i, known in enumerate(self.matrices) if np.array_equal(known, matrix))


@functools.cache
def plane_group(name):
    """The `PlaneGroup` of a name.

    "p4" has the four rotations of the square lattice, "p4m" reflections as well, "p6" and "p6m" the
    same of the hexagonal lattice; "z2" and "z2_hexagonal" have nothing but the identity, so that
    their convolutions are the ordinary ones of the lattice.

    Raises:
      ValueError: for another name.
    """
    if name not in _KINDS:
        raise ValueError(f"A group is one of {', '.join(_KINDS)}, got {name!r}.")
    lattice, rotations, reflections = _KINDS[name]
    generators = [np.array(_ROTATION[lattice])] if rotations else []
    generators += [np.array(_REFLECTION[lattice])] if reflections else []
    return PlaneGroup(name, lattice, _closure(generators))


def filters_for(group, filters):
    """Filters of each element with which a group convolution has an ordinary one's weights.

    An ordinary one from n to m channels has as many as the group's from n / sqrt(|G|) to m /
    sqrt(|G|) channels for each element, and |G| times less arithmetic; ordinary on the group's own
    lattice: a hexagonal kernel of size 3 has 7 cells, a square one 9.

    Args:
      group: a `PlaneGroup`.
      filters: the number of channels without the group.

    Returns:
      filters / sqrt(|G|), rounded, 1 at least.
    """
    return max(1, round(filters / math.sqrt(group.order)))


def _closure(generators):
    """All products of generators, the identity first, then by the number of factors."""
    found = [np.eye(2, dtype=int)]
    for element in found:
        for generator in generators:
            product = generator @ element
            if not any(np.array_equal(product, known) for known in found):
                found.append(product)
    return np.stack(found)


@functools.cache
def kernel_table(name, size, fibre):
    """Where the weights ψ of a group convolution stand in its kernel.

    The kernel of output element g, at offset o and input element h, is

      K[o, h, g] = ψ[g⁻¹ o, g⁻¹ h]

    (Cohen, Welling 2016, arXiv 1602.07576, equations 10 and 11; on the hexagonal lattice Hoogeboom,
    Peters, Cohen, Welling 2018, arXiv 1803.02108). Weights are numbered cell * fibre + h, cells
    being those of the lattice that lie in a kernel of this size.

    Args:
      name: of the group.
      size: side of the kernel.
      fibre: 1 for an image, which has no axis of the group; the group's order for group features.

    Returns:
      (table, places): `table` int [size², fibre, order], the number of a weight, or the number of
      weights where the kernel is 0, outside of a hexagon. `places` int [weights, order]: where each
      weight stands in the flattened table, once for every g.
    """
    group = plane_group(name)
    offsets, inside = cells(group.lattice, size)
    # One more than there are positions: what a matrix moves out of the array is no cell.
    number = np.full(size * size + 1, inside.sum())
    number[:-1][inside] = np.arange(inside.sum())
    table = np.empty((size * size, fibre, group.order), np.int32)
    for g in range(group.order):
        back = group.inverses[g]
        sources = number[_positions(offsets @ group.matrices[back].T, size)]
        for h in range(fibre):
            table[:, h, g] = sources * fibre + (group.products[back, h] if fibre > 1 else 0)
    weights = int(inside.sum()) * fibre
    table[~inside] = weights
    places = np.argsort(table.reshape(-1), kind="stable")[: weights * group.order]
    return table, places.reshape(weights, group.order).astype(np.int32)


def _positions(offsets, size):
    """The positions, row size + column, of doubled offsets; -1 for those outside of the array."""
    places = (offsets + size - 1) // 2
    exist = np.all((places >= 0) & (places < size), axis=1)
    return np.where(exist, places[:, 0] * size + places[:, 1], -1)
