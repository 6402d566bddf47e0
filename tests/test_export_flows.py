"""SavedModels of pixel flows: noise, networks and conditions inside, the same to the last bit."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import without_package

from glf.bijectors import (
    ActNorm,
    Chain,
    EmergingConv,
    ImageCoupling,
    InvertibleConv1x1,
    Logit,
    MixtureLogisticMap,
    Squeeze,
)
from glf.data.dataset import DataSpec
from glf.dequantizers import ImportanceWeighted, VariationalDequantizer
from glf.export import export_model, read_description
from glf.models.pixel_flow import PixelFlow
from glf.networks.condition_encoders import Downsampled, LabelEmbedding, Paired
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.group_conditioner import GroupConditioner
from glf.networks.image_context import ImageContext
from glf.priors import ChannelAutoregressive, MultiScale, StandardNormal

pytestmark = pytest.mark.slow
SPEC = DataSpec((4, 4, 1), 17, 3, condition_shape=(4, 4, 3), condition_levels=256)
GLOW = partial(GlowConditioner, filters=4)
MIXTURE = partial(MixtureLogisticMap, components=2)
# Of everything that samples by a loop one: mixtures, emerging convolutions, LSTMs.
SLOW_STEP = partial(
    Chain,
    [ActNorm, EmergingConv, partial(ImageCoupling, MIXTURE, make_conditioner=GLOW)],
)
STEP = partial(Chain, [ActNorm, InvertibleConv1x1, partial(ImageCoupling, make_conditioner=GLOW)])
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
# Of the group p4, whose kernels an export has as they are made.
TURNING = [
    partial(Squeeze, 4, "p4_image"),
    partial(ActNorm, groups=4),
    partial(InvertibleConv1x1, "p4"),
    partial(ImageCoupling, mask="p4", make_conditioner=partial(GroupConditioner, filters=4)),
]
OF_P4 = {
    "make_density": partial(
        MultiScale,
        partial(Chain, TURNING),
        1,
        make_preprocessing=LOGIT,
        make_last=StandardNormal,
        squeeze=False,
        groups=4,
    )
}
MAKE = {
    "plain": {
        "make_density": partial(
            MultiScale, SLOW_STEP, 2, make_preprocessing=LOGIT, make_part=LSTM, make_last=LSTM
        ),
        "make_bound": partial(ImportanceWeighted, 3),
    },
    "labels": {**OF_P4, "make_condition_encoder": partial(LabelEmbedding, size=3)},
    "images": {**GLOW_LIKE, "make_condition_encoder": partial(Downsampled, size=3, filters=4)},
    "paired": {**GLOW_LIKE, "make_condition_encoder": partial(Paired, size=3, filters=4)},
}
CONDITIONS = {
    "labels": "int32 [batch], classes, values 0 to 2; one for each image",
    "images": "int32 [batch, 2, 2, 1], images, values 0 to 16; one for each image",
    "paired": "int32 [batch, 4, 4, 3], images, values 0 to 255; one for each image",
}


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


@pytest.mark.parametrize("name", MAKE)
def test_an_export_gives_the_same(folder, models, name):
    loaded = tf.saved_model.load(str(folder / name))
    for size in (1, 5, 300):
        given = inputs(models[name], size)
        for function, values in expected(models[name], given).items():
            keys = read_description(folder / name)["signatures"][function]["takes"]
            arguments = {key: tf.constant(given[key]) for key in keys}
            (found,) = getattr(loaded, function)(**arguments).values()
            without_package.assert_equal_bits(found, values)
    assert len(np.unique(expected(models[name], given)["sample"])) == 17


def test_equal_bits_without_the_package(tmp_path, folder, models):
    given = {name: {5: inputs(model, 5)} for name, model in models.items()}
    found = without_package.run(tmp_path, {name: folder / name for name in models}, given)
    for name, model in models.items():
        for function, values in expected(model, given[name][5]).items():
            for way in without_package.WAYS:
                without_package.assert_equal_bits(found[name, 5, function, way], values)


@pytest.mark.parametrize("name", MAKE)
def test_the_description(folder, name):
    described = read_description(folder / name)["signatures"]
    likelihood = "IW-3" if name == "plain" else "ELBO"
    assert described["log_prob"]["does"] == f"The log-likelihood of images: {likelihood}."
    for function in ("sample", "log_prob"):
        assert described[function]["takes"].get("conditions") == CONDITIONS.get(name)
