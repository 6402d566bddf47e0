"""SavedModels of autoregressive models: sampler inside, conditions, codes, to the last bit."""

import os
import shutil
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive import AutoregressiveModel, OneHot, PixelCNN
from glf.export import export_model, read_description
from glf.models.autoregressive import Autoregressive
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.quantizers import ArgmaxStraightThrough
from glf.networks.conditioning import Downsampled, LabelEmbedding
from glf.networks.spatial import SpatialDecoder, SpatialEncoder

SIZES = (1, 5)
NETWORK = partial(PixelCNN, filters=8, blocks=1, head=8, first_kernel=3)
SPATIAL = {"filters": 8, "blocks": 1, "downsamplings": 2}

# Runs elsewhere, where importing the package fails: every function and signature of every export.
USER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("glf", "keras", "tensorflow_probability"):
            raise ImportError(name)

import numpy as np
import tensorflow as tf

for name in [n for n in sys.modules if n.split(".")[0] == "keras"]:
    del sys.modules[name]
sys.meta_path.insert(0, Blocker())

given = np.load("given.npz")
found = {}
for model in sys.argv[1:]:
    loaded = tf.saved_model.load(model)
    for name, signature in loaded.signatures.items():
        takes = signature.structured_input_signature[1]
        for size in given["sizes"]:
            arguments = {k: tf.constant(given[f"{model} {k} {size}"]) for k in takes}
            for way, function in (("function", getattr(loaded, name)), ("signature", signature)):
                (value,) = function(**arguments).values()
                found[f"{model} {name} {size} {way}"] = value.numpy()
np.savez("found.npz", **found)
"""


def autoregressive(spec, **parts):
    return Autoregressive(
        spec, make_density=partial(AutoregressiveModel, make_network=NETWORK, **parts)
    )


def discrete(spec, **parts):
    return DiscreteAutoencoder(
        spec,
        make_quantizer=partial(ArgmaxStraightThrough, channels=2, categories=6),
        make_encoder=partial(SpatialEncoder, **SPATIAL),
        make_decoder=partial(SpatialDecoder, **SPATIAL),
        make_prior=partial(
            AutoregressiveModel, make_network=NETWORK, make_embedding=OneHot, **parts
        ),
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
    given = {"images": data["image"], "latents": codes, "num": np.int32(size)}
    given |= {"temperature": np.float32(0.9), "seed": np.int64(2**40 + 5)}
    if model.condition_kind is not None:
        found = model.condition_of(tf.nest.map_structure(tf.constant, data))
        given["conditions"] = found.numpy()
    return given


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, folder, models, digits):
    """The outputs of a process that knows nothing of this package."""
    there = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(folder, there, dirs_exist_ok=True)
    (there / "user.py").write_text(USER)
    given = {"sizes": np.array(SIZES)}
    for name, model in models.items():
        for size in SIZES:
            found = inputs(model, digits, size)
            given |= {f"{name} {k} {size}": v for k, v in found.items()}
    np.savez(there / "given.npz", **given)
    done = subprocess.run(
        [sys.executable, "-I", "user.py", *models],
        cwd=there,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    with np.load(there / "found.npz") as found:
        return dict(found)


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
            for way in ("function", "signature"):
                found = elsewhere[f"{name} {function} {size} {way}"]
                assert found.dtype == values.numpy().dtype
                assert found.shape == values.shape
                assert found.tobytes() == values.numpy().tobytes(), (function, size, way)


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
