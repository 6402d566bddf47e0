"""Networks of keras.applications."""

import importlib

import keras
import tensorflow as tf

from glf.core import cache, files
from glf.extractors.base import Extracted, Extractor, repeated, three_channels

# {name: the side of the images that it was trained on}.
SIDES = {
    "DenseNet121": 224,
    "EfficientNetB0": 224,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "MobileNet": 224,
    "MobileNetV2": 224,
    "ResNet50": 224,
    "ResNet50V2": 224,
    "VGG16": 224,
    "VGG19": 224,
    "Xception": 299,
}


class KerasNetwork(Extractor):
    """Means over positions of the last map of a network of `keras.applications`.

    Images are scaled to 0-255, resized bilinearly to the size that the network was trained on and
    prepared by its own `preprocess_input`; grey ones are repeated to three channels.

    Args:
      spec: the `DataSpec` of the images.
      network: a name in `SIDES`.
      path: of Keras weights of the network without its top; None: those of ImageNet, which Keras
        downloads once and checks.

    Raises:
      ValueError: if the network is unknown or its weights cannot be had.
    """

    rows = 32

    def __init__(self, spec, network, path=None):
        super().__init__(spec)
        three_channels(tf.zeros([1, *spec.shape]))
        if network not in SIDES:
            raise ValueError(
                f"feature_extractor keras:NAME is a network of {', '.join(SIDES)}, got {network!r}."
            )
        side = SIDES[network]
        make = getattr(keras.applications, network)
        prepare = importlib.import_module(make.__module__).preprocess_input
        self._network = _loaded(make, side, path)
        self.name = f"keras_{network.lower()}"
        self.fingerprint = cache.digest("keras 1", network, *self._network.get_weights())
        weights = "ImageNet" if path is None else files.expanded(path).name
        not_the = ", NOT the Inception graph of 2015" if network.startswith("Inception") else ""
        self.about = (
            f"{self._network.output_shape[-1]} means of the last map of {network} of "
            f"keras.applications ({weights}){not_the}, images resized to {side} x {side}"
            f"{repeated(spec)}"
        )

        @tf.function(input_signature=[tf.TensorSpec([None, *spec.shape], tf.float32)])
        def means(y):
            y = tf.image.resize(three_channels(y) * 255.0, [side, side])
            return self._network(prepare(y), training=False)

        self._means = means

    def _extract(self, images):
        return Extracted(self._means(self._unit(images)).numpy())


def _loaded(make, side, path):
    weights = "imagenet" if path is None else str(files.expanded(path))
    try:
        return make(include_top=False, pooling="avg", input_shape=(side, side, 3), weights=weights)
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        if path is None:
            raise ValueError(
                f"The ImageNet weights of {make.__name__} could not be downloaded: {error}. Choose "
                f"feature_extractor keras:{make.__name__}:PATH with Keras' weights without the top."
            ) from error
        raise ValueError(
            f"{path!r} does not hold weights of Keras' {make.__name__} without its top: {error}"
        ) from error
