"""One model of each causal network, exported and loaded: the same images, the same likelihoods."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.registry import REGISTRY
from glf.data.dataset import DataSpec
from glf.export import export_model
from glf.models.autoregressive import Autoregressive
from glf.networks.condition_encoders import Downsampled, LabelEmbedding
from glf.samplers import Predictive

NETWORKS = (
    "diagonal_bilstm",
    "gated",
    "pixel_cnn",
    "plus_plus_flat",
    "row_lstm",
    "wavenet",
    "wavenet_raster_image",
)


def test_every_network_is_among_them():
    every = {type(make().network).__name__ for make in REGISTRY.values()}
    assert {type(REGISTRY[name]().network).__name__ for name in NETWORKS} == every


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_an_export_gives_the_same(name, tmp_path):
    keras.utils.set_random_seed(4)
    density = REGISTRY[name]()
    generator = np.random.default_rng(4)
    for weight in density.weights:
        weight.assign(weight + generator.normal(scale=0.2, size=weight.shape))
    make_encoder = None
    if density.context_shape is not None:
        make_encoder = LabelEmbedding if density.context_shape[1:3] == (1, 1) else Downsampled
        make_encoder = functools.partial(make_encoder, size=density.context_shape[-1])
    model = Autoregressive(
        DataSpec(density.data_shape, density.levels, 3),
        make_density=lambda **_: density,
        make_sampler=functools.partial(Predictive, rows=2, jit=False),
        make_condition_encoder=make_encoder,
    )
    encoder = model.condition_encoder
    export_model(model, tmp_path / "export")
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    x = generator.integers(0, density.levels, (3, *density.data_shape)).astype(np.uint8)
    x, labels = tf.constant(x), tf.constant([2, 0, 1])
    condition = None if encoder is None else encoder.condition_of({"x": x, "label": labels})
    conditions = {} if encoder is None else {"conditions": condition}
    drawn = loaded.sample(
        num=tf.constant(3),
        temperature=tf.constant(1.0),
        seed=tf.constant(9, tf.int64),
        **conditions,
    )
    expected = model.sample(3, 9, condition=condition)
    np.testing.assert_array_equal(drawn["images"], expected)
    judged = loaded.log_prob(images=x, **conditions)["log_prob"]
    np.testing.assert_array_equal(judged, model.log_prob(x, condition))
