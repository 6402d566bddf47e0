"""Square images on the hexagonal lattice, and back."""

import numpy as np
import pytest
import tensorflow as tf

from glf.layers.hexagonal import PITCH, ToHexagonal, ToSquare, radius_for
from glf.layers.lattice import hexagon


def slope(height, width):
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return (0.3 * y - 0.2 * x + 1.0)[None, :, :, None].astype(np.float32)


def test_a_slope_stays_a_slope():
    """Interpolation of both kinds is exact on it, away from the edge of the image."""
    image = slope(12, 14)
    hexagonal = ToHexagonal("image")(image).numpy()
    side = hexagonal.shape[1]
    row, column = np.meshgrid(*[np.arange(side) - side // 2] * 2, indexing="ij")
    y = 5.5 + PITCH * row * np.sqrt(3) / 2
    x = 6.5 + PITCH * (column + row / 2)
    within = (abs(y - 5.5) <= 5.5) & (abs(x - 6.5) <= 6.5) & hexagon(side, side)
    assert within.sum() > 100
    np.testing.assert_allclose(
        hexagonal[0, within, 0], (0.3 * y - 0.2 * x + 1.0)[within], atol=1e-5
    )
    assert np.all(hexagonal[0, ~hexagon(side, side)] == 0)
    back = ToSquare((12, 14))
    np.testing.assert_allclose(back(hexagonal)[0, 2:-2, 2:-2], image[0, 2:-2, 2:-2], atol=1e-5)
    assert back.covered.all()


def test_what_is_covered():
    np.testing.assert_allclose(PITCH**2 * np.sqrt(3) / 2, 1.0)  # the area of a cell, in pixels
    for side in (8, 28, 32):
        assert radius_for(side, side) < radius_for(side, side, "image")
        whole, disc = ToSquare((side, side)), ToSquare((side, side))
        whole.build((None, *[2 * radius_for(side, side, "image") + 1] * 2, 1))
        disc.build((None, *[2 * radius_for(side, side) + 1] * 2, 1))
        y, x = np.meshgrid(*[np.arange(side) - (side - 1) / 2] * 2, indexing="ij")
        assert whole.covered.all()
        assert disc.covered[y**2 + x**2 <= ((side - 1) / 2) ** 2].all()
        assert not disc.covered.all()


@pytest.mark.parametrize("layer", [ToHexagonal(dtype="float64"), ToSquare((4, 5), dtype="float64")])
def test_gradients_are_the_transpose(layer):
    shape = (1, 4, 5, 1) if isinstance(layer, ToHexagonal) else (1, 5, 5, 1)
    x = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x)
    assert tuple(layer.compute_output_shape(shape)) == y.shape
    jacobian = tape.jacobian(y, x, experimental_use_pfor=False)
    linear = np.reshape(jacobian, (tf.size(y), tf.size(x))) @ np.reshape(x, -1)
    np.testing.assert_allclose(linear, np.reshape(y, -1), atol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="cover is one of"):
        ToHexagonal("corners")
    with pytest.raises(ValueError, match="equal sides"):
        ToSquare((4, 4)).build((None, 5, 7, 1))
