"""Encoders and decoders whose code is a small image: for discrete autoencoders."""

import keras
import tensorflow as tf

from glf.layers.residual import repeat_pixels
from glf.layers.track import track
from glf.networks.shapes import check_image_network, halvings


class SpatialEncoder(keras.layers.Layer):
    """Images y in [0, 1] to features [batch, h, w, features], each side halved several times.

    A 3x3 convolution; for each halving a 4x4 convolution of stride 2; `blocks` residual blocks

      h + conv_1x1(relu(conv_3x3(relu(h)))),

    and a 1x1 convolution of relu(h) to the features: the encoder of VQ-VAE (van den Oord et al.
    2017, arXiv 1711.00937), of any depth. There is no normalisation, so that an image has the same
    code in training and afterwards. Odd sides are rounded up.

    Args:
      image_shape: (height, width, channels) of the images.
      features: the number of output features.
      filters: features inside.
      downsamplings: how many times the image is halved.
      blocks: number of residual blocks.

    Attributes:
      size: (h, w).

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(
        self,
        image_shape,
        features,
        *,
        filters=128,
        downsamplings=2,
        blocks=2,
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        shape, sizes = _check(self, image_shape, features, filters, downsamplings, blocks)
        self.size = sizes[-1]
        policy = self.dtype_policy
        first = _convolution(filters, 3, policy)
        first.build((None, None, None, shape[2]))
        halve = [_convolution(filters, 4, policy, strides=2) for _ in range(downsamplings)]
        for layer in halve:
            layer.build((None, None, None, filters))
        self.first = first
        self.halve = track(self, "halve", halve)
        self.residual = _residual(self, filters, blocks)
        self.last = _convolution(features, 1, policy)
        self.last.build((None, None, None, filters))
        self.built = True

    def call(self, y):
        """y [batch, height, width, channels] to float32 [batch, h, w, features]."""
        h = self.first(2.0 * tf.cast(y, self.compute_dtype) - 1.0)
        for layer in self.halve:
            h = layer(tf.nn.relu(h))
        return tf.cast(self.last(tf.nn.relu(_through(self.residual, h))), tf.float32)


class SpatialDecoder(keras.layers.Layer):
    """Features [batch, h, w, features] to pre-activations of images: mirrors `SpatialEncoder`.

    A 3x3 convolution, the residual blocks, then for each level a 3x3 convolution of the image
    repeated to twice its size and cropped to the size that the encoder went through, and a 3x3
    convolution to h, which stands for the image sigmoid(2h).

    Args:
      image_shape: (height, width, channels) of the images.
      features: the number of input features.
      filters: features inside.
      downsamplings: how many times the encoder halved the image.
      blocks: number of residual blocks.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(
        self,
        image_shape,
        features,
        *,
        filters=128,
        downsamplings=2,
        blocks=2,
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        shape, self.sizes = _check(self, image_shape, features, filters, downsamplings, blocks)
        policy = self.dtype_policy
        self.first = _convolution(filters, 3, policy)
        self.first.build((None, None, None, features))
        self.residual = _residual(self, filters, blocks)
        double = [_convolution(filters, 3, policy) for _ in range(downsamplings)]
        for layer in double:
            layer.build((None, None, None, filters))
        self.double = track(self, "double", double)
        self.last = _convolution(shape[2], 3, policy)
        self.last.build((None, None, None, filters))
        self.built = True

    def call(self, features):
        """[batch, h, w, features] to float32 [batch, height, width, channels]."""
        h = _through(self.residual, self.first(tf.cast(features, self.compute_dtype)))
        for layer, (height, width) in zip(self.double, self.sizes[-2::-1], strict=True):
            h = layer(repeat_pixels(tf.nn.relu(h))[:, :height, :width])
        return tf.cast(self.last(tf.nn.relu(h)), tf.float32)


def _check(layer, image_shape, features, filters, downsamplings, blocks):
    """The checked image shape, and the sizes from the image's to the smallest."""
    owner = type(layer).__name__
    shape = check_image_network(owner, image_shape, 1, features=features, filters=filters)
    for name, value in {"downsamplings": downsamplings, "blocks": blocks}.items():
        if value < 0:
            raise ValueError(f"{owner}.{name} must be at least 0, got {value}.")
    return shape, halvings(shape, downsamplings)


def _residual(owner, filters, blocks):
    """[(3x3 convolution, 1x1 convolution), ...], half as many features between them."""
    pairs = []
    for i in range(blocks):
        pair = [
            _convolution(max(filters // 2, 1), 3, owner.dtype_policy),
            _convolution(filters, 1, owner.dtype_policy),
        ]
        pair[0].build((None, None, None, filters))
        pair[1].build((None, None, None, max(filters // 2, 1)))
        pairs.append(track(owner, f"residual_{i}", pair))
    return pairs


def _through(residual, h):
    for wide, narrow in residual:
        h = h + narrow(tf.nn.relu(wide(tf.nn.relu(h))))
    return h


def _convolution(filters, size, policy, strides=1):
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        dtype=policy,
    )
