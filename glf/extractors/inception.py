"""The Inception graph of 2015 that FID and the Inception score are defined by."""

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request

import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import cache, files
from glf.extractors.base import Extracted, Extractor, repeated, three_channels

URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
FILE = "classify_image_graph_def.pb"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
_SECONDS = 30  # without an answer


class Inception(Extractor):
    """pool_3 of the Inception graph of 2015-12-05: 2048 features, and 1008 class probabilities.

    The network of Heusel et al. 2017, arXiv 1706.08500, and of Salimans et al. 2016, arXiv
    1606.03498: Inception v3 as TensorFlow published it in December 2015. Neither Keras' nor
    torchvision's Inception gives the same numbers. Images go in on the scale 0 to 255, grey ones
    repeated to three channels, and the graph itself resizes them bilinearly to 299 x 299. The
    probabilities are the softmax without the bias, softmax(W pool_3), as in the program of the
    second paper.

    The graph is made for one image; it is fed batches behind its own decoding of a file, and what
    comes after pool_3, where it fixes the batch's size, is done here.

    Args:
      spec: the `DataSpec` of the images.
      path: of classify_image_graph_def.pb; None: it is downloaded once into the cache, see
        `glf.core.cache`, and refused unless it has the right SHA-256. A file that has another is
        another network: the extractor is called "inception_other" then.

    Raises:
      ValueError: if it cannot be downloaded or is no such graph.
    """

    name = "inception"
    classes = "1008 classes of the Inception graph of 2015"
    rows = 32

    def __init__(self, spec, path=None):
        super().__init__(spec)
        three_channels(np.zeros([1, *spec.shape], np.float32))
        content = (downloaded() if path is None else files.expanded(path)).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self.fingerprint = cache.digest("inception 1", digest)
        kind = "the Inception graph of 2015-12-05"
        if digest != SHA256:
            self.name = "inception_other"
            self.classes = f"classes of the graph {str(path)!r}"
            kind = f"a graph that is NOT the Inception of 2015-12-05 (SHA-256 {digest[:8]}...)"
        self._session, self._fed, self._outputs = _opened(content, path or FILE)
        size = self._outputs[0].shape[-1]
        self.about = f"{size} of pool_3 of {kind}{repeated(spec)}"

    def _extract(self, images):
        scaled = images * np.float32(255.0 / (self.spec.levels - 1))
        fed = {self._fed: np.asarray(three_channels(scaled))}
        return Extracted(*self._session.run(self._outputs, fed))


def _opened(content, path):
    """(session, placeholder of images, [features, probabilities]) of a serialized graph."""
    v1 = tf.compat.v1
    # A session, for which alone operations of the graph's year are still there.
    graph = tf.Graph()
    try:
        definition = v1.GraphDef.FromString(content)
        with graph.as_default():
            fed = v1.placeholder(tf.float32, [None, None, None, 3])
            pooled, product = v1.import_graph_def(
                definition,
                input_map={"ExpandDims:0": fed},
                return_elements=["pool_3:0", "softmax/logits/MatMul"],
                name="",
            )
            features = tf.reshape(pooled, [-1, pooled.shape[-1]])
            probabilities = tf.nn.softmax(tf.matmul(features, product.inputs[1]))
    # A DecodeError is protobuf's, and is no ValueError.
    except Exception as error:
        raise ValueError(
            f"{str(path)!r} is not {FILE} of {URL}, a graph with ExpandDims, pool_3 and "
            f"softmax/logits/MatMul: {error}"
        ) from error
    return v1.Session(graph=graph), fed, [features, probabilities]


def downloaded():
    """The path of the graph in the cache, downloaded where it is not there yet.

    Raises:
      ValueError: if it cannot be downloaded, or has another checksum; nothing is kept then.
    """
    target = cache.folder() / FILE
    if target.is_file():
        return target
    logging.info("Downloading %s (89 MB), once.", URL)
    instead = (
        f"Put {FILE} of that archive on this machine and choose feature_extractor inception:PATH."
    )
    try:
        with tempfile.TemporaryFile() as archive:
            with urllib.request.urlopen(URL, timeout=_SECONDS) as response:
                shutil.copyfileobj(response, archive)
            archive.seek(0)
            with tarfile.open(fileobj=archive, mode="r:gz") as members:
                content = members.extractfile(FILE).read()
    except (OSError, EOFError, KeyError, AttributeError, tarfile.TarError) as error:
        raise ValueError(f"{URL} could not be downloaded: {error}. {instead}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise ValueError(
            f"What {URL} gave is not the graph of 2015: its SHA-256 is {digest}, expected "
            f"{SHA256}. Nothing was kept. Try again, or from another network. {instead}"
        )
    with files.atomic_path(target) as temporary:
        temporary.write_bytes(content)
    return target
