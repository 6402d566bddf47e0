"""SavedModels of pixel flows: noise, networks and conditions inside, the same to the last bit."""

import os
import shutil
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import (
    ActNorm,
    EmergingConv,
    ImageCoupling,
    InvertibleConv1x1,
    Logit,
    MixtureLogisticMap,
    Repeated,
)
from glf.data.dataset import DataSpec
from glf.dequantizers import ImportanceWeighted, VariationalDequantizer
from glf.export import export_model, read_description
from glf.models.pixel_flow import PixelFlow
from glf.networks.conditioning import Downsampled, LabelEmbedding, Paired
from glf.networks.glow_conv import GlowConditioner
from glf.networks.image_context import ImageContext
from glf.priors import ChannelAutoregressive, MultiScale

pytestmark = pytest.mark.slow
SPEC = DataSpec((4, 4, 1), 17, 3, condition_shape=(4, 4, 3), condition_levels=256)
GLOW = partial(GlowConditioner, filters=4)
MIXTURE = partial(MixtureLogisticMap, components=2)
# Of everything that samples by a loop one: mixtures, emerging convolutions, LSTMs.
SLOW_STEP = partial(
    Repeated,
    [ActNorm, EmergingConv, partial(ImageCoupling, MIXTURE, make_conditioner=GLOW)],
    num=1,
)
STEP = partial(
    Repeated, [ActNorm, InvertibleConv1x1, partial(ImageCoupling, make_conditioner=GLOW)], num=1
)
LOGIT = partial(Logit, 0.05)
LSTM = partial(ChannelAutoregressive, hidden=4, layers=1)
NOISE = partial(
    VariationalDequantizer,
    2,
    make_conditioner=GLOW,
    make_context=partial(ImageContext, filters=4, blocks=1),
    features=2,
)
GLOW_LIKE = {
    "make_density": partial(MultiScale, STEP, 2, make_preprocessing=LOGIT),
    "make_dequantizer": NOISE,
}
MAKE = {
    "plain": {
        "make_density": partial(
            MultiScale, SLOW_STEP, 2, make_preprocessing=LOGIT, make_part=LSTM, make_last=LSTM
        ),
        "make_bound": partial(ImportanceWeighted, 3),
    },
    "labels": {**GLOW_LIKE, "make_condition_encoder": partial(LabelEmbedding, size=3)},
    "images": {**GLOW_LIKE, "make_condition_encoder": partial(Downsampled, size=3, filters=4)},
    "paired": {**GLOW_LIKE, "make_condition_encoder": partial(Paired, size=3, filters=4)},
}
CONDITIONS = {
    "labels": "int32 [batch], classes, values 0 to 2; one for each image",
    "images": "int32 [batch, 2, 2, 1], images, values 0 to 16; one for each image",
    "paired": "int32 [batch, 4, 4, 3], images, values 0 to 255; one for each image",
}

# Runs elsewhere, where importing the package fails.
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
        arguments = {k: tf.constant(given[f"{model} {k}"]) for k in takes}
        (value,) = signature(**arguments).values()
        found[f"{model} {name}"] = value.numpy()
np.savez("found.npz", **found)
"""


@pytest.fixture(scope="module")
def models():
    made = {}
    for name, parts in MAKE.items():
        keras.utils.set_random_seed(6)
        made[name] = PixelFlow(SPEC, **parts)
        generator = np.random.default_rng(6)
        for weight in made[name].trainable_weights:
            weight.assign_add(0.2 * generator.normal(size=weight.shape))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("exports")
    for name, model in models.items():
        assert export_model(model, folder / name) == ["sample", "log_prob"]
    return folder


def inputs(model, size):
    """What the functions of an export take, by name."""
    generator = np.random.default_rng(size)
    given = {"images": generator.integers(0, 17, (size, 4, 4, 1)).astype(np.uint8)}
    given |= {"num": np.int32(size), "temperature": np.float32(0.9), "seed": np.int64(2**40 + 5)}
    encoder = model.condition_encoder
    if encoder is not None:
        shape = (size, *encoder.condition_shape)
        given["conditions"] = generator.integers(0, encoder.condition_levels, shape).astype("int32")
    return given


def expected(model, given):
    condition = {"condition": given["conditions"]} if "conditions" in given else {}
    num, seed, temperature = (given[k].item() for k in ("num", "seed", "temperature"))
    return {
        "sample": model.sample(num, seed, temperature, **condition).numpy(),
        "log_prob": model.log_prob(given["images"], **condition).numpy(),
    }


def check_bits(found, values):
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("name", MAKE)
def test_an_export_gives_the_same(folder, models, name):
    loaded = tf.saved_model.load(str(folder / name))
    for size in (1, 5, 300):
        given = inputs(models[name], size)
        for function, values in expected(models[name], given).items():
            keys = read_description(folder / name)["signatures"][function]["takes"]
            arguments = {key: tf.constant(given[key]) for key in keys}
            (found,) = getattr(loaded, function)(**arguments).values()
            check_bits(found.numpy(), values)
    assert len(np.unique(expected(models[name], given)["sample"])) == 17


def test_equal_bits_without_the_package(tmp_path, folder, models):
    given = {name: inputs(model, 5) for name, model in models.items()}
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "user.py").write_text(USER)
    named = {f"{name} {k}": v for name, values in given.items() for k, v in values.items()}
    np.savez(tmp_path / "given.npz", **named)
    done = subprocess.run(
        [sys.executable, "-I", "user.py", *models],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as found:
        for name, model in models.items():
            for function, values in expected(model, given[name]).items():
                check_bits(found[f"{name} {function}"], values)


@pytest.mark.parametrize("name", MAKE)
def test_the_description(folder, name):
    described = read_description(folder / name)["signatures"]
    likelihood = "IW-3" if name == "plain" else "ELBO"
    assert described["log_prob"]["does"] == f"The log-likelihood of images: {likelihood}."
    for function in ("sample", "log_prob"):
        assert described[function]["takes"].get("conditions") == CONDITIONS.get(name)
