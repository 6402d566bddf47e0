"""What the elements of a group do to images and features, by turning the places of cells."""

import numpy as np

from glf.layers.lattice import HEXAGONAL, hexagon

# Of axial coordinates (row, column): to (y, x).
_EMBEDDING = {"square": np.eye(2), "hexagonal": np.array([[np.sqrt(3) / 2, 0], [0.5, 1.0]])}


def orthogonal(group):
    """The elements as matrices of the plane, [order, 2, 2]."""
    embedding = _EMBEDDING[group.lattice]
    return embedding @ group.matrices @ np.linalg.inv(embedding)


def places(group, height, width):
    """Where the cells of an array lie in the plane, from its centre, [height width, 2]."""
    along = [np.arange(side) - (side - 1) / 2 for side in (height, width)]
    grid = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid @ _EMBEDDING[group.lattice].T


def moved(group, t, image, fibre=1):
    """(L_t f)(x, g) = f(t⁻¹ x, t⁻¹ g): what is at a cell x comes from the one at t⁻¹ x."""
    num, height, width, features = image.shape
    turned = places(group, height, width) @ orthogonal(group)[t]  # the transpose is the inverse
    far = np.linalg.norm(turned[:, None] - places(group, height, width)[None], axis=-1)
    flat = image.reshape(num, height * width, features)
    found = np.where(far.min(axis=1)[:, None] < 1e-6, flat[:, far.argmin(axis=1)], 0)
    if fibre > 1:
        back = orthogonal(group)[t].T @ orthogonal(group)
        same = np.abs(back[:, None] - orthogonal(group)[None]).max(axis=(2, 3)) < 1e-6
        found = found.reshape(num, height * width, fibre, -1)[:, :, same.argmax(axis=1)]
    return found.reshape(image.shape)


def images(group, num, height, width, features, seed=0):
    """Normal numbers at cells, and 0 elsewhere, float32."""
    drawn = np.random.default_rng(seed).normal(size=(num, height, width, features))
    if group.lattice == HEXAGONAL:
        drawn *= hexagon(height, width)[..., None]
    return drawn.astype(np.float32)


def check_turns(group, function, image, fibre=1, given=1, elements=None):
    """That `function` of turned images is what it gives of the image, turned.

    Args:
      function: of images, with channels of `fibre` elements, to such of `given` elements.
      elements: which are tried; None: all of the group.
    """
    elements = range(group.order) if elements is None else elements
    turned = np.concatenate([moved(group, t, image, fibre) for t in elements])
    results = np.split(np.asarray(function(turned)), len(elements))
    whole = np.asarray(function(image))
    assert np.abs(whole).max() > 1e-3
    for t, result in zip(elements, results, strict=True):
        expected = whole if whole.ndim == 2 else moved(group, t, whole, given)
        scale = np.abs(whole).max()
        np.testing.assert_allclose(result, expected, rtol=0, atol=2e-5 * scale)
