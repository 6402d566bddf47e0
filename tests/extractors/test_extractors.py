"""Extractors: what all of them refuse, how they are chosen, pixels, SqueezeNet, Keras' networks."""

import random

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.data.dataset import DataSpec
from glf.extractors.choice import KINDS, Choice, needs_labels, parse
from glf.extractors.keras_network import SIDES
from glf.extractors.pixels import Pixels
from glf.extractors.registry import EXTRACTORS, make_extractor
from glf.extractors.squeezenet import SqueezeNet
from glf.networks.features import SqueezeNetFeatures

COLOUR = DataSpec((9, 7, 3), 256, None)


def images(spec, num, seed=0):
    return np.random.default_rng(seed).integers(0, spec.levels, (num, *spec.shape), np.uint8)


@pytest.fixture(scope="module")
def squeezenet_file(tmp_path_factory):
    """Made-up weights in the published layout."""
    path = tmp_path_factory.mktemp("squeezenet") / "weights.h5"
    generator = np.random.default_rng(0)

    def layer(file, name, *shape):
        group = file.create_group(name)
        scale = np.sqrt(2 / np.prod(shape[:3]))
        group["w"] = generator.normal(scale=scale, size=shape).astype(np.float32)
        group["b"] = generator.normal(scale=0.1, size=shape[-1:]).astype(np.float32)
        group.attrs["weight_names"] = [b"w", b"b"]

    with h5py.File(path, "w") as file:
        layer(file, "conv1", 3, 3, 3, 64)
        channels = 64
        for fire, squeeze in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
            layer(file, f"fire{fire}/squeeze1x1", 1, 1, channels, squeeze)
            layer(file, f"fire{fire}/expand1x1", 1, 1, squeeze, 4 * squeeze)
            layer(file, f"fire{fire}/expand3x3", 3, 3, squeeze, 4 * squeeze)
            channels = 8 * squeeze
    return path


def test_every_kind_is_made():
    assert list(EXTRACTORS) == list(KINDS)


def test_choices(squeezenet_file):
    path = str(squeezenet_file)
    assert parse("classifier") == Choice("classifier")
    assert parse(f"squeezenet:{path}") == Choice("squeezenet", None, path)
    assert parse("keras:VGG16") == Choice("keras", "VGG16")
    assert parse(f"keras:VGG16:{path}") == Choice("keras", "VGG16", path)
    assert parse("inception") == Choice("inception")
    assert needs_labels(["pixels", "classifier"])
    assert not needs_labels(["pixels"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vgg", "no feature_extractor 'vgg'; choose from classifier, squeezenet:PATH, inception"),
        ("squeezenet", "is squeezenet:PATH, got 'squeezenet'"),
        ("keras", "is keras:NAME"),
        ("pixels:3", "is pixels, got 'pixels:3'"),
        ("inception:nowhere.pb", "there is no file 'nowhere.pb'"),
    ],
)
def test_wrong_choices(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_pixels():
    x = images(COLOUR, 5)
    extractor = Pixels(COLOUR)
    extractor.rows = 2
    found = extractor(x)
    assert found.probabilities is None
    np.testing.assert_allclose(found.features, x.reshape(5, -1) / 255.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 9, 7, 1), np.uint8), r"Images are \[n, \(9, 7, 3\)\]"),
        (np.zeros((0, 9, 7, 3), np.uint8), "at least one"),
        (np.zeros((2, 9, 7, 3), np.float32), "are integers, got float32"),
        (np.full((2, 9, 7, 3), 256), "levels 0 to 255, got 256 to 256"),
        (np.full((2, 9, 7, 3), -1), "levels 0 to 255, got -1 to -1"),
    ],
)
def test_what_is_no_image_of_the_data(x, message):
    with pytest.raises(ValueError, match=message):
        Pixels(COLOUR)(x)


def test_data_that_are_no_images():
    for spec in (DataSpec((2,), None, None), DataSpec((9, 1, 1), 256, None, sample_rate=8000)):
        with pytest.raises(ValueError, match="Features are of images"):
            Pixels(spec)


@pytest.mark.slow
def test_squeezenet(squeezenet_file, digits):
    """The means of the last map of the network of images that are resized before.

    The caller's random state and policy stay as they are.
    """
    keras.config.set_dtype_policy("mixed_bfloat16")
    state = random.getstate()
    extractor = make_extractor(f"squeezenet:{squeezenet_file}", digits)
    assert random.getstate() == state
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    keras.config.set_dtype_policy("float32")
    x = images(digits.spec, 1)
    y = tf.image.resize(x / np.float32(16), [227, 227])
    maps = SqueezeNetFeatures(weights=squeezenet_file)(y)
    expected = maps[-1].numpy().mean((1, 2))
    assert expected.shape == (1, 512)
    np.testing.assert_allclose(extractor(x).features, expected, rtol=1e-3, atol=1e-5)
    assert extractor.about.endswith("resized to 227 x 227, grey repeated to three channels")
    assert len(extractor.fingerprint) == 64


def test_two_channels_are_neither_grey_nor_colour(squeezenet_file):
    with pytest.raises(ValueError, match="1 or 3 channels, got 2; choose the classifier or pixels"):
        SqueezeNet(DataSpec((9, 7, 2), 256, None), squeezenet_file)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_a_network_of_keras(tmp_path, digits, monkeypatch):
    """Means of the last map of the network that the weights are from."""
    monkeypatch.setitem(SIDES, "MobileNet", 32)
    network = keras.applications.MobileNet(
        include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3)
    )
    path = tmp_path / "made_up.weights.h5"
    network.save_weights(path)
    extractor = make_extractor(f"keras:MobileNet:{path}", digits)
    x = images(digits.spec, 2)
    y = tf.image.resize(tf.cast(x, tf.float32) * (255 / 16), [32, 32])
    expected = network(tf.repeat(y, 3, -1) / 127.5 - 1.0)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(extractor(x).features, expected, rtol=1e-3, atol=1e-5)
    assert extractor.name == "keras_mobilenet"
    about = "1024 means of the last map of MobileNet of keras.applications (made_up.weights.h5), "
    assert extractor.about.startswith(about)


def test_weights_of_keras_that_cannot_be_had(squeezenet_file, digits, monkeypatch):
    def refuses(**arguments):
        raise Exception("no network")

    refuses.__module__ = "keras.applications.mobilenet"
    monkeypatch.setattr(keras.applications, "MobileNet", refuses)
    with pytest.raises(ValueError, match=r"downloaded: no network. Choose feature_ext"):
        make_extractor("keras:MobileNet", digits)
    with pytest.raises(ValueError, match="does not hold weights of Keras"):
        make_extractor(f"keras:MobileNet:{squeezenet_file}", digits)


def test_an_unknown_network_of_keras(digits):
    with pytest.raises(ValueError, match=r"a network of DenseNet121, .*, got 'AlexNet'"):
        make_extractor("keras:AlexNet", digits)
