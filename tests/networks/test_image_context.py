import numpy as np
import pytest

from glf.networks.image_context import ImageContext


@pytest.mark.parametrize("condition_shape", [None, (None, 1, 1, 2), (None, 6, 5, 2)])
def test_gives_features_at_each_position(condition_shape):
    network = ImageContext(4, filters=6, blocks=1, dtype="float64")
    network.build((None, 3, 5, 2), condition_shape)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 5, 2))
    condition = None if condition_shape is None else rng.normal(size=(2, *condition_shape[1:]))
    features = network(x, condition).numpy()
    assert features.shape == (2, 3, 5, 4)
    assert np.std(features) > 0.1
    assert np.all(np.any(network(x + 1, condition) != features, axis=(0, 1, 2)))
    if condition is not None:
        assert np.all(np.any(network(x, condition + 1) != features, axis=(0, 1, 2)))


def test_a_pixel_is_seen_nearby():
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
