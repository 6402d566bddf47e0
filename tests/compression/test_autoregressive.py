"""Files of autoregressive models: images come back, at the price that the model says."""

import contextlib
import functools
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.row_lstm import RowLSTM
from glf.compression.autoregressive import AutoregressiveCoder
from glf.data.dataset import DataSpec
from glf.families import Bernoulli, Categorical, DiscretizedLogisticMixture
from glf.models.autoregressive import Autoregressive

partial = functools.partial
DENSITIES = {
    "bits": ((4, 3, 1), 2, partial(GatedPixelCNN, filters=4, layers=2, head=4), Bernoulli),
    "channels in turn": ((3, 2, 3), 5, partial(RowLSTM, filters=6, layers=1), Categorical),
    "channels at once": (
        *((3, 3, 3), 6, partial(GatedPixelCNN, filters=4, layers=2, head=4)),
        partial(DiscretizedLogisticMixture, components=2),
    ),
}


@pytest.fixture(scope="module", params=DENSITIES)
def model(request):
    keras.utils.set_random_seed(0)
    shape, levels, network, family = DENSITIES[request.param]
    density = partial(AutoregressiveModel, make_network=network, make_family=family)
    made = Autoregressive(DataSpec(shape, levels, None), make_density=density)
    generator = np.random.default_rng(0)
    for weight in made.weights:
        weight.assign(weight + generator.normal(scale=0.4, size=weight.shape))
    return made


def test_images_come_back_at_the_models_price(model):
    coder, shape, levels = AutoregressiveCoder(model), model.spec.shape, model.spec.levels
    x = np.random.default_rng(1).integers(0, levels, (9, *shape)).astype(np.uint8)
    data = coder.encode(x)
    np.testing.assert_array_equal(coder.decode(data, 9), x)
    bits = coder.bits(x)
    assert bits.shape == x.shape
    assert bits.sum() == pytest.approx(-model.log_prob(x).numpy().sum() / np.log(2), rel=1e-5)
    # Whole words, and what the masses' least part takes from the others.
    assert bits.sum() - 1 < 8 * len(data) < 1.001 * bits.sum() + 64
    # The other images at once: their bits may round otherwise, and still each side agrees.
    np.testing.assert_array_equal(coder.decode(coder.encode(x[:2]), 2), x[:2])


def test_other_bytes_are_other_images_or_refused(model):
    coder, levels = AutoregressiveCoder(model), model.spec.levels
    x = np.random.default_rng(2).integers(0, levels, (5, *model.spec.shape)).astype(np.uint8)
    data = coder.encode(x)
    with pytest.raises(ValueError, match="4 bytes"):
        coder.decode(data[:-1], 5)
    with pytest.raises(ValueError, match="more coded integers"):
        coder.decode(data + b"\1\2\3\4" * 4, 5)
    with pytest.raises(ValueError, match="more coded integers"):
        coder.decode(data, 1)
    rng = np.random.default_rng(3)
    for _ in range(20):  # some are no integers at all under the model's distributions
        with contextlib.suppress(ValueError):
            coder.decode(rng.integers(0, 256, 4 * rng.integers(20), np.uint8).tobytes(), 5)
    flipped = bytes([data[0] ^ 64, *data[1:]])
    with contextlib.suppress(ValueError):
        assert not np.array_equal(coder.decode(flipped, 5), x)


def test_models_of_labelled_images_are_refused():
    with pytest.raises(ValueError, match="no labels"):
        AutoregressiveCoder(SimpleNamespace(condition_encoder=object()))
