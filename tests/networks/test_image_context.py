import keras
import numpy as np
import pytest

from glf.networks.image_context import ImageContext


def test_a_pixel_is_seen_nearby():
    keras.utils.set_random_seed(0)
    network = ImageContext(3, filters=5, blocks=1, dtype="float64")
    network.build((None, 9, 9, 1))
    x = np.zeros((1, 9, 9, 1))
    before = network(x).numpy()
    x[0, 4, 4, 0] = 1
    changed = np.any(network(x) != before, axis=-1)[0]
    assert changed[4, 4]
    # Three convolutions 3x3: three pixels away at most.
    assert not np.any(changed[[0, -1]])
    assert not np.any(changed[:, [0, -1]])


def test_user_errors():
    for wrong in ({"units": 0}, {"units": 1, "filters": 0}, {"units": 1, "blocks": -1}):
        with pytest.raises(ValueError, match="ImageContext needs"):
            ImageContext(**wrong)
