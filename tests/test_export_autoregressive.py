"""SavedModels of autoregressive models: sampler inside, conditions, codes, to the last bit."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import without_package

from glf.autoregressive import AutoregressiveModel, OneHot, PixelCNN
from glf.export import export_model, read_description
from glf.models.autoregressive import Autoregressive
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.quantizers import ArgmaxStraightThrough
from glf.networks.condition_encoders import Downsampled, LabelEmbedding
from glf.networks.spatial_autoencoder import SpatialAutoencoder

SIZES = (1, 5)
NETWORK = partial(PixelCNN, filters=8, blocks=1, head=8, first_kernel=3)
SPATIAL = {"filters": 8, "blocks": 1, "downsamplings": 2}


def autoregressive(spec, **parts):
    return Autoregressive(
        spec, make_density=partial(AutoregressiveModel, make_network=NETWORK), **parts
    )


def discrete(spec, **parts):
    return DiscreteAutoencoder(
        spec,
        make_quantizer=partial(ArgmaxStraightThrough, channels=2, categories=6),
        make_autoencoder=partial(SpatialAutoencoder, **SPATIAL),
        make_prior=partial(AutoregressiveModel, make_network=NETWORK, make_embedding=OneHot),
        **parts,
    )


LABELS = {"make_condition_encoder": partial(LabelEmbedding, size=4)}
IMAGES = {"make_condition_encoder": partial(Downsampled, factor=4, size=4, filters=4)}
MAKE = {
    "plain": autoregressive,
    "labels": partial(autoregressive, **LABELS),
    "images": partial(autoregressive, **IMAGES),
    "discrete_labels": partial(discrete, **LABELS),
}
DENSITY = ["sample", "log_prob"]
CODES = ["sample", "encode", "decode", "reconstruct", "latent_log_prob"]


@pytest.fixture(scope="module")
def models(digits):
    made = {}
    for name, make in MAKE.items():
        keras.utils.set_random_seed(4)
        made[name] = make(digits.spec)
        generator = np.random.default_rng(4)
        for weight in made[name].weights:
            weight.assign(weight + generator.normal(scale=0.2, size=weight.shape))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("exports")
    for name, model in models.items():
        names = CODES if "discrete" in name else DENSITY
        assert export_model(model, folder / name) == names
    return folder


def inputs(model, digits, size):
    """What every function of an export may take, by name."""
    data = digits.examples("train", slice(0, size))
    codes = np.random.default_rng(size).integers(0, 6, (size, 2, 2, 2)).astype(np.int32)
    given = {"images": data["x"], "latents": codes, "num": np.int32(size)}
    given |= {"temperature": np.float32(0.9), "seed": np.int64(2**40 + 5)}
    if model.condition_kind is not None:
        found = model.condition_of(tf.nest.map_structure(tf.constant, data))
        given["conditions"] = found.numpy()
    return given


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, folder, models, digits):
    """The outputs of a process that knows nothing of this package."""
    given = {name: {n: inputs(model, digits, n) for n in SIZES} for name, model in models.items()}
    exports = {name: folder / name for name in models}
    return without_package.run(tmp_path_factory.mktemp("elsewhere"), exports, given)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_equal_bits_without_the_package(elsewhere, models, digits, name):
    model = models[name]
    for size in SIZES:
        given = {k: tf.constant(v) for k, v in inputs(model, digits, size).items()}
        with_condition = {"condition": given["conditions"]} if "conditions" in given else {}
        sampling = (size, 2**40 + 5, 0.9)
        expected = {"sample": model.sample(*sampling, **with_condition)}
        if "discrete" in name:
            expected["encode"] = model.encode(given["images"])
            expected["decode"] = model.decode(given["latents"])
            expected["reconstruct"] = model.reconstruct(given["images"])
            expected["latent_log_prob"] = model.latent_log_prob(given["latents"], **with_condition)
        else:
            expected["log_prob"] = model.log_prob(given["images"], **with_condition)
        for function, values in expected.items():
            for way in without_package.WAYS:
                without_package.assert_equal_bits(elsewhere[name, size, function, way], values)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_the_description(folder, name):
    described = read_description(folder / name)["signatures"]
    loaded = tf.saved_model.load(str(folder / name))
    assert set(loaded.signatures) == set(described)
    for function, texts in described.items():
        signature = loaded.signatures[function]
        takes = signature.structured_input_signature[1]
        assert set(takes) == set(texts["takes"])
        for key, spec in takes.items():
            assert texts["takes"][key].startswith(spec.dtype.name)
        for key, spec in signature.structured_outputs.items():
            assert texts["gives"][key].startswith(spec.dtype.name)
    if "discrete" in name:
        assert described["encode"]["gives"]["latents"] == "int32 [batch, 2, 2, 2], values 0 to 5"
    else:
        assert "exact" in described["log_prob"]["does"]
    conditions = {
        "labels": "int32 [batch], classes, values 0 to 9; one for each image",
        "images": "int32 [batch, 2, 2, 1], images, values 0 to 16; one for each image",
    }
    assert described["sample"]["takes"].get("conditions") == conditions.get(name.split("_")[-1])
