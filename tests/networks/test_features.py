"""Feature networks on made-up weights against plain TensorFlow, and on the real ones if given."""

import os
import re

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.models.reconstruction import Perceptual
from glf.networks.features import SqueezeNetFeatures, VGG16Features

BGR_MEAN = np.array([103.939, 116.779, 123.68])
FIRES = [16, 16, 32, 32, 48, 48, 64, 64]


def _images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def _squeezenet_layers():
    """{name: kernel shape} of SqueezeNet 1.1."""
    layers, channels = {"conv1": (3, 3, 3, 64)}, 64
    for fire, squeeze in enumerate(FIRES, start=2):
        layers[f"fire{fire}/squeeze1x1"] = (1, 1, channels, squeeze)
        layers[f"fire{fire}/expand1x1"] = (1, 1, squeeze, 4 * squeeze)
        layers[f"fire{fire}/expand3x3"] = (3, 3, squeeze, 4 * squeeze)
        channels = 8 * squeeze
    return layers


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """A file in the published layout and its weights {name: (kernel, bias)}."""
    path = tmp_path_factory.mktemp("squeezenet") / "weights.h5"
    rng = np.random.default_rng(0)
    weights = {}
    with h5py.File(path, "w") as file:
        for name, shape in _squeezenet_layers().items():
            kernel = rng.normal(scale=np.sqrt(2 / np.prod(shape[:3])), size=shape)
            bias = rng.normal(scale=0.1, size=shape[-1])
            weights[name] = kernel.astype(np.float32), bias.astype(np.float32)
            group = file.create_group(name)
            group["any_name"], group[f"{name}_b"] = weights[name]
            group.attrs["weight_names"] = np.array([b"any_name", f"{name}_b".encode()])
    return path, weights


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """A file in the published layout, and the model its weights are from."""
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(include_top=False, weights=None)
    path = tmp_path_factory.mktemp("vgg") / "vgg.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = weight.numpy()
    return path, model


def _plain_squeezenet(y, weights):
    def conv(h, name, stride=1, padding="SAME"):
        kernel, bias = weights[name]
        return tf.nn.relu(tf.nn.conv2d(h, kernel, stride, padding) + bias)

    h = conv(y[..., ::-1] * 255 - BGR_MEAN.astype(np.float32), "conv1", 2, "VALID")
    maps = [h]
    for fire in range(2, 10):
        if fire in (2, 4, 6):
            h = tf.nn.max_pool2d(h, 3, 2, "VALID")
        h = conv(h, f"fire{fire}/squeeze1x1")
        h = tf.concat([conv(h, f"fire{fire}/expand1x1"), conv(h, f"fire{fire}/expand3x3")], -1)
        maps.append(h)
    return maps


def test_squeezenet_maps(squeezenet):
    path, weights = squeezenet
    y = _images(2, 35, 40, 3)
    features = SqueezeNetFeatures(weights=path)
    maps = features(y)
    expected = _plain_squeezenet(y, weights)
    channels = [64, 128, 128, 256, 256, 384, 384, 512, 512]
    assert [m.shape[-1] for m in maps] == channels
    assert len(features.weights) == 2 * 25
    assert features.trainable_weights == []
    for ours, plain in zip(maps, expected, strict=True):
        scale = np.abs(plain).max()
        assert scale > 0
        np.testing.assert_allclose(ours, plain, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.parametrize(("num_maps", "least"), [(1, 3), (3, 7), (5, 15), (9, 31)])
def test_squeezenet_least_size(squeezenet, num_maps, least):
    features = SqueezeNetFeatures(weights=squeezenet[0], num_maps=num_maps)
    assert features.min_size == least
    maps = features(_images(1, least, least, 3))
    assert len(maps) == num_maps
    assert maps[-1].shape[1:3] == (1, 1)
    with pytest.raises(ValueError, match=f"at least {least} by {least} pixels"):
        features(_images(1, least + 5, least - 1, 3))
    with pytest.raises(ValueError, match=f"at least {least} each"):
        SqueezeNetFeatures(weights=squeezenet[0], num_maps=num_maps, resize=(least, least - 1))


def test_grey_is_repeated(squeezenet):
    features = SqueezeNetFeatures(weights=squeezenet[0], num_maps=2)
    y = _images(2, 9, 9, 1)
    for grey, colour in zip(features(y), features(np.repeat(y, 3, -1)), strict=True):
        np.testing.assert_array_equal(grey, colour)


def test_resize(squeezenet):
    y = _images(2, 8, 8, 1)
    resized = SqueezeNetFeatures(weights=squeezenet[0], num_maps=2, resize=(16, 20))
    plain = SqueezeNetFeatures(weights=squeezenet[0], num_maps=2)
    for ours, theirs in zip(resized(y), plain(tf.image.resize(y, (16, 20))), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_computing_in_bfloat16_returns_float32(squeezenet):
    y = _images(1, 9, 9, 3)
    low, high = (
        SqueezeNetFeatures(weights=squeezenet[0], num_maps=2, dtype=dtype)(y)[1]
        for dtype in ("mixed_bfloat16", "float32")
    )
    assert low.dtype == tf.float32
    assert 0 < np.abs(low - high).max() < 0.05 * np.abs(high).max()


def test_perceptual_loss_under_xla_and_its_gradient(squeezenet):
    """The gradient reaches the image, through resizing too, the same in a graph and under XLA."""
    loss = Perceptual(
        make_features=lambda: SqueezeNetFeatures(weights=squeezenet[0], num_maps=3, resize=(15, 15))
    )
    y = tf.constant(_images(2, 8, 8, 1))
    h = tf.constant(_images(2, 8, 8, 1, seed=1)) - 0.5

    def value_and_gradient(h):
        with tf.GradientTape() as tape:
            tape.watch(h)
            value = loss(h, y)
        return value, tape.gradient(value, h)

    (value, gradient), (xla_value, xla_gradient) = (
        tf.function(value_and_gradient, jit_compile=jit)(h) for jit in (False, True)
    )
    assert value.shape == (2,)
    assert np.all(np.abs(gradient).max((1, 2, 3)) > 0)
    np.testing.assert_allclose(value, xla_value, rtol=1e-4)
    np.testing.assert_allclose(
        gradient, xla_gradient, rtol=1e-2, atol=1e-4 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("shape", [(1, 32, 32, 2), (1, 32, 32, 4), (32, 32, 3)])
def test_other_shapes(squeezenet, shape):
    features = SqueezeNetFeatures(weights=squeezenet[0], num_maps=1)
    with pytest.raises(ValueError, match=r"takes images \[batch, height, width, 1 or 3\]"):
        features(_images(*shape))


def test_squeezenet_file_missing(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.h5', which is not a file"):
        SqueezeNetFeatures(weights=tmp_path / "nothing.h5")


def test_squeezenet_file_of_something_else(tmp_path, squeezenet):
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    with pytest.raises(ValueError, match="is not a Keras HDF5 file of SqueezeNet"):
        SqueezeNetFeatures(weights=text)
    empty = tmp_path / "empty.h5"
    with h5py.File(empty, "w"):
        pass
    with pytest.raises(ValueError, match="is not a Keras HDF5 file of SqueezeNet"):
        SqueezeNetFeatures(weights=empty)


@pytest.mark.parametrize("num_maps", [0, 10])
def test_bad_number_of_maps(squeezenet, num_maps):
    with pytest.raises(ValueError, match=f"num_maps must be 1 to 9, got {num_maps}"):
        SqueezeNetFeatures(weights=squeezenet[0], num_maps=num_maps)


@pytest.mark.skipif(
    "GLF_SQUEEZENET_WEIGHTS" not in os.environ,
    reason="GLF_SQUEEZENET_WEIGHTS does not point to squeezenet_v1.1_imagenet_notop.h5",
)
def test_real_squeezenet_sees_structure():
    """A small shift of a picture changes features less than shuffling its pixels' places."""
    features = SqueezeNetFeatures(weights=os.environ["GLF_SQUEEZENET_WEIGHTS"])
    rows, columns = np.mgrid[:65, :65] / 64.0
    picture = 0.5 + 0.5 * np.sin(12 * rows) * np.cos(9 * columns + 3 * rows)
    shifted = picture[1:, 1:]
    picture = picture[:-1, :-1]
    shuffled = np.random.default_rng(0).permutation(picture.ravel()).reshape(picture.shape)
    maps = features(np.stack([picture, shifted, shuffled])[..., None].astype(np.float32))
    for m in maps:
        near, far = (float(tf.reduce_mean(tf.abs(m[0] - m[i]))) for i in (1, 2))
        assert 0 < near < far


def test_vgg_maps(vgg):
    path, model = vgg
    y = _images(2, 18, 21, 3)
    features = VGG16Features(weights=path, num_blocks=5)
    names = ["block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"]
    reference = keras.Model(model.input, [model.get_layer(name).output for name in names])
    expected = reference(keras.applications.vgg16.preprocess_input(255.0 * y))
    maps = features(y)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (18, 21, 64),
        (9, 10, 128),
        (4, 5, 256),
        (2, 2, 512),
        (1, 1, 512),
    ]
    for ours, theirs in zip(maps, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * scale)
    assert len(features.weights) == 2 * 13
    assert features.trainable_weights == []


def test_vgg_keeps_only_the_blocks_it_needs(vgg):
    features = VGG16Features(weights=vgg[0])
    assert len(features.weights) == 2 * 7
    maps = features(_images(1, 4, 4, 1))
    assert [m.shape[1] for m in maps] == [4, 2, 1]
    with pytest.raises(ValueError, match="at least 4 by 4 pixels"):
        features(_images(1, 3, 4, 1))


def test_vgg_maps_by_name(vgg):
    """Maps of the published code of GLF: the last one is before its ReLU."""
    path, model = vgg
    y = _images(2, 8, 9, 3)
    names = ["block1_conv2", "block2_conv2", "block3_conv2"]
    features = VGG16Features(weights=path, layers=names, last_activation=False)
    assert len(features.weights) == 2 * 6
    assert features.min_size == 4
    reference = keras.Model(model.input, [model.get_layer(name).output for name in names])
    expected = reference(keras.applications.vgg16.preprocess_input(255.0 * y))
    *maps, last = features(y)
    assert (last.numpy() < 0).any()
    for ours, theirs in zip([*maps, tf.nn.relu(last)], expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * scale)


def test_vgg_maps_that_do_not_exist():
    for layers in (["block3_conv4"], [], ["block2_conv2", "block1_conv2"]):
        with pytest.raises(ValueError, match=r"layers must be some of block1_conv1, block1_conv2"):
            VGG16Features(layers=layers)
    with pytest.raises(ValueError, match="bind one to None"):
        VGG16Features(layers=["block1_conv1"], num_blocks=2)


@pytest.mark.parametrize("num_blocks", [0, 6])
def test_bad_number_of_blocks(num_blocks):
    with pytest.raises(ValueError, match=f"num_blocks must be 1 to 5, got {num_blocks}"):
        VGG16Features(num_blocks=num_blocks)


def test_vgg_file_missing_or_wrong(tmp_path, squeezenet):
    with pytest.raises(ValueError, match=r"nothing\.h5', which is not a file"):
        VGG16Features(weights=tmp_path / "nothing.h5")
    with pytest.raises(ValueError, match="does not hold VGG-16 without its dense layers"):
        VGG16Features(weights=squeezenet[0])


def test_vgg_without_network_says_where_to_put_the_file(monkeypatch):
    def unreachable(**_):
        raise Exception("URL fetch failure on https://storage.googleapis.com: None")

    monkeypatch.setattr(keras.applications, "VGG16", unreachable)
    with pytest.raises(ValueError, match=re.escape("~/.keras/models/")):
        VGG16Features()
