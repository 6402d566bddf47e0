"""The Inception graph, in small: one with the same tensors, and what may go wrong with the file."""

import hashlib
import io
import tarfile
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from glf.data.dataset import DataSpec
from glf.extractors import inception
from glf.extractors.inception import Inception

SPEC = DataSpec((6, 5, 1), 17, None)
SIDE = 12
generator = np.random.default_rng(0)
KERNEL = generator.normal(size=(3, 3, 3, 8)).astype(np.float32)
MEAN, VARIANCE, BETA, GAMMA = generator.uniform(0.5, 1.5, (4, 8)).astype(np.float32)
WEIGHTS = generator.normal(size=(8, 5)).astype(np.float32)
BIAS = generator.normal(size=5).astype(np.float32)


def small_graph():
    """The graph of 2015 with one convolution: its tensors' names, its year, its batch of one."""
    v1, raw = tf.compat.v1, tf.raw_ops
    with tf.Graph().as_default() as graph:
        file = v1.placeholder(tf.string, [], name="DecodeJpeg/contents")
        h = tf.cast(tf.image.decode_jpeg(file, channels=3, name="DecodeJpeg"), tf.float32, "Cast")
        h = v1.expand_dims(h, 0, name="ExpandDims")
        h = raw.ResizeBilinear(images=h, size=[SIDE, SIDE], name="ResizeBilinear")
        h = tf.multiply(tf.subtract(h, 128.0, name="Sub"), 1 / 128.0, name="Mul")
        h = tf.nn.conv2d(h, KERNEL, 2, "VALID", name="conv/Conv2D")
        h = tf.nn.relu(tf.identity(h, name="conv/batchnorm"), name="conv")
        h = tf.nn.avg_pool2d(h, h.shape[1], 1, "VALID", name="pool_3")
        h = tf.reshape(h, [1, 8], name="pool_3/_reshape")
        h = tf.matmul(h, tf.constant(WEIGHTS, name="softmax/weights"), name="softmax/logits/MatMul")
        tf.nn.softmax(tf.add(h, BIAS, name="softmax/logits"), name="softmax")
    definition = graph.as_graph_def()
    (norm,) = (node for node in definition.node if node.name == "conv/batchnorm")
    # An operation that TensorFlow no longer makes, and runs in graphs of that year alone.
    norm.op = "BatchNormWithGlobalNormalization"
    norm.attr["variance_epsilon"].f = 1e-3
    norm.attr["scale_after_normalization"].b = True
    for name, value in zip("mvbg", (MEAN, VARIANCE, BETA, GAMMA), strict=True):
        norm.input.append(name)
        const = definition.node.add(name=name, op="Const")
        const.attr["dtype"].type = tf.float32.as_datatype_enum
        const.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    definition.versions.producer = 8
    return definition.SerializeToString()


@pytest.fixture(scope="module")
def graph_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "small.pb"
    path.write_bytes(small_graph())
    return path


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """A function that lets a download give a .tgz with a file of some name and content."""
    monkeypatch.setenv("GLF_CACHE", str(tmp_path / "cache"))

    def gives(content, name=inception.FILE):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            members.addfile(info, io.BytesIO(content))
        packed.seek(0)
        monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: packed)
        return tmp_path / "cache" / inception.FILE

    return gives


def test_features_and_probabilities(graph_file):
    """The graph's own arithmetic, of five images at once, fed on the scale 0 to 255."""
    x = np.random.default_rng(1).integers(0, 17, (5, 6, 5, 1), np.uint8)
    y = np.repeat(x * (255 / 16), 3, -1).astype(np.float32)
    h = tf.compat.v1.image.resize_bilinear(y, [SIDE, SIDE])
    h = tf.nn.conv2d((h - 128) / 128, KERNEL, 2, "VALID")
    h = tf.nn.relu((h - MEAN) / np.sqrt(VARIANCE + 1e-3) * GAMMA + BETA)
    features = h.numpy().mean((1, 2))
    extractor = Inception(SPEC, graph_file)
    extractor.rows = 2
    found = extractor(x)
    np.testing.assert_allclose(found.features, features, rtol=1e-3, atol=1e-4)
    # Without the bias.
    expected = tf.nn.softmax(features @ WEIGHTS)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-3, atol=1e-4)


def test_another_graph_does_not_bear_the_name(graph_file, monkeypatch):
    other = Inception(SPEC, graph_file)
    assert other.name == "inception_other"
    assert "8 of pool_3 of a graph that is NOT the Inception of 2015-12-05" in other.about
    digest = hashlib.sha256(graph_file.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "SHA256", digest)
    the_one = Inception(SPEC, graph_file)
    assert the_one.name == "inception"
    assert the_one.about == (
        "8 of pool_3 of the Inception graph of 2015-12-05, grey repeated to three channels"
    )


def test_a_download_is_kept(graph_file, archive, monkeypatch):
    content = graph_file.read_bytes()
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(content).hexdigest())
    kept = archive(content)
    assert Inception(SPEC).name == "inception"
    assert kept.read_bytes() == content
    monkeypatch.setattr(urllib.request, "urlopen", None)
    Inception(SPEC)


def test_a_download_with_another_checksum_is_refused(archive):
    kept = archive(b"something else")
    with pytest.raises(ValueError, match=r"SHA-256 is .*, expected 009d.* Nothing was kept"):
        Inception(SPEC)
    assert not kept.exists()


def test_downloads_that_fail(archive, monkeypatch):
    archive(b"nothing", "another.pb")
    with pytest.raises(ValueError, match=r"could not be downloaded: .*inception:PATH"):
        Inception(SPEC)

    def refuses(url, timeout):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuses)
    with pytest.raises(ValueError, match=r"no network.* Put classify_image_graph_def.pb of that"):
        Inception(SPEC)


@pytest.mark.parametrize("content", [b"no graph", b""])
def test_files_that_are_no_such_graph(tmp_path, content):
    path = tmp_path / "other.pb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other.pb' is not classify_image_graph_def.pb of http"):
        Inception(SPEC, path)
