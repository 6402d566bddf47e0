"""SqueezeNet's last features."""

import tensorflow as tf

from glf.core import cache, files
from glf.extractors.base import Extracted, Extractor, repeated, three_channels
from glf.networks.features import SqueezeNetFeatures

SIDE = 227


class SqueezeNet(Extractor):
    """Means over positions of the last map, fire9, of SqueezeNet 1.1: 512 features.

    Iandola et al. 2016, arXiv 1602.07360. Images are resized bilinearly to 227 x 227, the size the
    network was trained at, grey ones repeated to three channels; the ImageNet means are
    subtracted.

    Args:
      spec: the `DataSpec` of the images.
      path: of the weights, see `glf.networks.features.SqueezeNetFeatures`.

    Raises:
      ValueError: if the file does not hold these weights.
    """

    name = "squeezenet"
    rows = 64

    def __init__(self, spec, path):
        super().__init__(spec)
        three_channels(tf.zeros([1, *spec.shape]))
        network = SqueezeNetFeatures(weights=path, resize=(SIDE, SIDE))
        self.fingerprint = cache.digest("squeezenet 1", files.expanded(path).read_bytes())
        self.about = (
            f"512 means of the last map (fire9) of SqueezeNet 1.1, images resized to {SIDE} x "
            f"{SIDE}{repeated(spec)}"
        )

        @tf.function(input_signature=[tf.TensorSpec([None, *spec.shape], tf.float32)])
        def means(y):
            return tf.reduce_mean(network(y)[-1], [1, 2])

        self._means = means

    def _extract(self, images):
        return Extracted(self._means(self._unit(images)).numpy())
