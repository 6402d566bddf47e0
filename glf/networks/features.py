"""Frozen image classifiers whose inner feature maps compare images."""

import abc

import h5py
import keras
import tensorflow as tf

from glf.core import files

# The ImageNet means of blue, green and red on the scale 0-255.
_BGR_MEAN = (103.939, 116.779, 123.68)

_VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# {name: (block, channels)} of every convolution, in order.
_VGG16_CONVOLUTIONS = {
    f"block{block}_conv{i}": (block, width)
    for block, widths in enumerate(_VGG16_BLOCKS, start=1)
    for i, width in enumerate(widths, start=1)
}

# The squeeze channels, and the channels of each of two expansions, of fire modules 2 to 9.
_SQUEEZENET_FIRES = (
    (16, 64),
    (16, 64),
    (32, 128),
    (32, 128),
    (48, 192),
    (48, 192),
    (64, 256),
    (64, 256),
)
# A pooling follows the first, the third and the fifth map.
_SQUEEZENET_POOLINGS = (1, 3, 5)


class FrozenFeatures(keras.layers.Layer, abc.ABC):
    """Images in [0, 1] to a list of feature maps of a frozen network.

    Grey images are repeated to three channels; images are resized if asked, scaled to 0-255, their
    channels put in the order blue, green, red, and the ImageNet means subtracted. No weight is
    trainable; gradients reach the images. Maps are returned as float32.

    Args:
      min_size: the least height and width for which every map has at least one position.
      resize: None, or (height, width) the images are bilinearly resized to.
      dtype: the precision the network computes in.

    Raises:
      ValueError: if `resize` is smaller than `min_size`; when called, if images have neither one
        nor three channels, or are too small.
    """

    given_by_code = ()

    @abc.abstractmethod
    def __init__(self, *, min_size, resize=None, dtype="float32"):
        super().__init__(dtype=dtype, trainable=False)
        self.min_size = min_size
        self.resize = None if resize is None else tuple(resize)
        if resize is not None and (len(self.resize) != 2 or min(self.resize) < min_size):
            raise ValueError(
                f"{type(self).__name__}.resize must be (height, width) of at least {min_size} "
                f"each, got {self.resize}."
            )

    def call(self, y):
        """y [batch, height, width, 1 or 3] in [0, 1] to a list of [batch, ...] maps, float32."""
        y = tf.cast(y, tf.float32)
        if y.shape.rank != 4 or y.shape[-1] not in (1, 3):
            raise ValueError(
                f"{type(self).__name__} takes images [batch, height, width, 1 or 3], got shape "
                f"{y.shape}."
            )
        if self.resize is not None:
            y = tf.image.resize(y, self.resize)
        if any(n is not None and n < self.min_size for n in y.shape[1:3]):
            raise ValueError(
                f"{type(self).__name__} takes images of at least {self.min_size} by "
                f"{self.min_size} pixels, got shape {y.shape}; resize=(height, width) enlarges "
                "them, and fewer maps need less."
            )
        if y.shape[-1] == 1:
            y = tf.concat([y, y, y], axis=-1)
        maps = self.network(y[..., ::-1] * 255.0 - tf.constant(_BGR_MEAN))
        # Keras gives a lone output without its list.
        return [tf.cast(m, tf.float32) for m in tf.nest.flatten(maps)]

    def _use(self, network):
        """Takes a Keras model from prepared images to the list of maps, and freezes it."""
        self.network = network
        self.network.trainable = False
        self.built = True


class VGG16Features(FrozenFeatures):
    """VGG-16 after some of its convolutions (Simonyan and Zisserman 2014, arXiv 1409.1556).

    A map of block k is [batch, floor(height / 2^(k-1)), floor(width / 2^(k-1)), channels] with 64,
    128, 256, 512 or 512 channels; images have at least 2^(k-1) pixels a side for the last block.
    Maps are after ReLU and before pooling.

    Args:
      weights: "imagenet", which Keras downloads once and keeps, or the path of a Keras HDF5 file
        of VGG-16 without its dense layers.
      layers: names of the convolutions after which there is a map, such as "block1_conv2", in the
        network's order; None: the last one of each of the first `num_blocks` blocks.
      num_blocks: the number of blocks, 1 to 5; None: 3, if `layers` does not say it.
      last_activation: whether the last map, too, is after its ReLU.
      resize, dtype: as in `FrozenFeatures`.

    Raises:
      ValueError: for other numbers of blocks, layers that do not exist or are out of order, both
        `layers` and `num_blocks`, or if the weights cannot be had; the message says where to put
        them.
    """

    def __init__(
        self,
        *,
        weights="imagenet",
        layers=None,
        num_blocks=None,
        last_activation=True,
        resize=None,
        dtype="float32",
    ):
        layers = _vgg16_maps(layers, num_blocks)
        last = layers[-1]
        num_blocks = _VGG16_CONVOLUTIONS[last][0]
        super().__init__(min_size=2 ** (num_blocks - 1), resize=resize, dtype=dtype)
        policy = self.dtype_policy
        image = h = keras.Input((None, None, 3))
        maps, within = [], 1
        for layer, (block, width) in _VGG16_CONVOLUTIONS.items():
            if block > within:
                h, within = keras.layers.MaxPooling2D(2, dtype=policy)(h), block
            linear = layer == last and not last_activation
            h = _conv(width, 3, layer, policy, activation=None if linear else "relu")(h)
            if layer in layers:
                maps.append(h)
            if layer == last:
                break
        self._use(keras.Model(image, maps))
        pretrained = _pretrained_vgg16(weights)
        for layer in self.network.layers:
            if layer.weights:
                layer.set_weights(pretrained.get_layer(layer.name).get_weights())


class SqueezeNetFeatures(FrozenFeatures):
    """SqueezeNet 1.1 after its first convolution and each fire module: up to nine maps.

    Iandola et al. 2016, arXiv 1602.07360. The maps have 64, 128, 128, 256, 256, 384, 384, 512 and
    512 channels and are after ReLU. Without padding in the first convolution and the poolings,
    images need 3 pixels a side for one map, 7 for three, 15 for five and 31 for all nine.

    Args:
      weights: the path of a Keras HDF5 file with the layers `conv1` and
        `fire2/squeeze1x1` ... `fire9/expand3x3`, each a kernel and a bias.
      num_maps: how many of the nine maps are computed, from the first.
      resize, dtype: as in `FrozenFeatures`.

    Raises:
      ValueError: for other numbers of maps, or if the file is missing or does not hold these
        weights.
    """

    def __init__(self, *, weights, num_maps=9, resize=None, dtype="float32"):
        if num_maps not in range(1, 10):
            raise ValueError(f"SqueezeNetFeatures.num_maps must be 1 to 9, got {num_maps}.")
        poolings = sum(num_maps > before for before in _SQUEEZENET_POOLINGS)
        super().__init__(min_size=2 ** (poolings + 2) - 1, resize=resize, dtype=dtype)
        policy = self.dtype_policy
        image = keras.Input((None, None, 3))
        h = _conv(64, 3, "conv1", policy, strides=2, padding="valid")(image)
        maps = [h]
        for fire, (squeeze, expand) in enumerate(_SQUEEZENET_FIRES[: num_maps - 1], start=2):
            if len(maps) in _SQUEEZENET_POOLINGS:
                h = keras.layers.MaxPooling2D(3, strides=2, dtype=policy)(h)
            h = _conv(squeeze, 1, f"fire{fire}-squeeze1x1", policy)(h)
            sides = [_conv(expand, n, f"fire{fire}-expand{n}x{n}", policy)(h) for n in (1, 3)]
            h = keras.layers.Concatenate(dtype=policy)(sides)
            maps.append(h)
        self._use(keras.Model(image, maps))
        _load_squeezenet(self.network, weights)


def _vgg16_maps(layers, num_blocks):
    """The names of the convolutions after which there is a map."""
    if layers is None:
        num_blocks = 3 if num_blocks is None else num_blocks
        if num_blocks not in range(1, 6):
            raise ValueError(f"VGG16Features.num_blocks must be 1 to 5, got {num_blocks}.")
        return [f"block{b}_conv{len(_VGG16_BLOCKS[b - 1])}" for b in range(1, num_blocks + 1)]
    if num_blocks is not None:
        raise ValueError(
            "VGG16Features.layers names the maps, so that VGG16Features.num_blocks has nothing to "
            f"say: bind one to None, got layers={list(layers)} and num_blocks={num_blocks}."
        )
    names = list(_VGG16_CONVOLUTIONS)
    chosen = [name for name in names if name in layers]
    if not chosen or chosen != list(layers):
        raise ValueError(
            f"VGG16Features.layers must be some of {', '.join(names)}, in this order, got "
            f"{list(layers)}."
        )
    return chosen


def _conv(filters, size, name, policy, strides=1, padding="same", activation="relu"):
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        activation=activation,
        name=name,
        dtype=policy,
    )


def _pretrained_vgg16(weights):
    if weights != "imagenet" and not files.expanded(weights).is_file():
        raise ValueError(
            f'VGG16Features.weights must be "imagenet" or the path of an HDF5 file, got '
            f"{str(weights)!r}, which is not a file."
        )
    try:
        return keras.applications.VGG16(include_top=False, weights=str(weights))
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        if weights == "imagenet":
            raise ValueError(
                "The ImageNet weights of VGG-16 could not be downloaded. Put "
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 (from keras.applications) in "
                "~/.keras/models/, or give its path as VGG16Features.weights."
            ) from error
        raise ValueError(
            f"{str(weights)!r} does not hold VGG-16 without its dense layers in Keras' HDF5 layout."
        ) from error


def _load_squeezenet(network, path):
    """Sets each convolution of `network` from the group of its name in the HDF5 file."""
    expected = "a Keras HDF5 file of SqueezeNet 1.1 (squeezenet_v1.1_imagenet_notop.h5 or alike)"
    if not files.expanded(path).is_file():
        raise ValueError(
            f"SqueezeNetFeatures.weights must be the path of {expected}, got {str(path)!r}, which "
            f"is not a file."
        )
    try:
        with h5py.File(files.expanded(path)) as file:
            for layer in network.layers:
                if layer.weights:
                    # Keras layers may not have the slash of the file's names.
                    group = file[layer.name.replace("-", "/")]
                    names = group.attrs["weight_names"]
                    layer.set_weights([group[_text(name)][()] for name in names])
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{str(path)!r} is not {expected}: {error}") from error


def _text(name):
    return name.decode() if isinstance(name, bytes) else name
