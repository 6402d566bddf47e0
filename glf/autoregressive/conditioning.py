"""What a conditional model makes of its condition, once for all positions."""

import abc

import keras
import tensorflow as tf

from glf.layers.track import track


class ConditionEncoder(keras.layers.Layer, abc.ABC):
    """A condition to context features [n, 1 or height, 1 or width, size].

    Args:
      image_shape: (height, width, channels) of what is modelled.
      size: number of context features.

    Attributes:
      kind: "label" or "image", what conditions are.
    """

    kind = None

    def __init__(self, image_shape, size, *, dtype=None, name=None):
        super().__init__(dtype=dtype, name=name)
        self.image_shape = tuple(image_shape)
        self.size = size

    @abc.abstractmethod
    def encode(self, condition):
        """The context of a batch of conditions."""

    @abc.abstractmethod
    def condition_of(self, x, label):
        """What data x, integers [n, height, width, channels], with labels [n] is conditioned on."""


class LabelEmbedding(ConditionEncoder):
    """A learned vector for each class, the same at every position.

    Args:
      image_shape: (height, width, channels) of what is modelled.
      num_classes: labels are in {0, ..., num_classes - 1}.
      levels: of the images; not needed.
      size: number of context features.

    Raises:
      ValueError: if there are no classes.
    """

    kind = "label"

    def __init__(self, image_shape, num_classes, levels=None, *, size=32, dtype=None, name=None):
        super().__init__(image_shape, size, dtype=dtype, name=name)
        if not num_classes:
            raise ValueError(
                "LabelEmbedding needs a dataset with labels; this one has none. Take another, or "
                "give a folder's labels with make_dataset.labels."
            )
        self.num_classes = num_classes
        self.table = self.add_weight(
            name="table",
            shape=(num_classes, size),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.built = True

    def encode(self, condition):
        """Labels, integers [n], to [n, 1, 1, size]."""
        hot = tf.one_hot(tf.cast(condition, tf.int32), self.num_classes)
        return tf.matmul(hot, self.table.value)[:, None, None]

    def condition_of(self, x, label):
        """The labels themselves."""
        return label


class Downsampled(ConditionEncoder):
    """The image at a lower resolution, through a small convolutional network.

    The condition is the mean over blocks of `factor` x `factor` pixels, rounded to a level:
    integers [n, height / factor, width / factor, channels]. `layers` 3x3 convolutions that see to
    all sides, with relus between them, give each pixel of a block features of its own.

    Args:
      image_shape: (height, width, channels) of what is modelled.
      num_classes: of the data; not needed.
      levels: x is in {0, ..., levels - 1}.
      factor: side of the blocks; divides height and width.
      size: number of context features.
      filters: features between the convolutions.
      layers: number of convolutions.

    Raises:
      ValueError: for a factor that does not fit, and for conditions of another shape.
    """

    kind = "image"

    def __init__(
        self,
        image_shape,
        num_classes=None,
        levels=None,
        *,
        factor=2,
        size=32,
        filters=32,
        layers=2,
        dtype=None,
        name=None,
    ):
        super().__init__(image_shape, size, dtype=dtype, name=name)
        height, width, channels = self.image_shape
        if factor < 2 or height % factor or width % factor or layers < 1:
            raise ValueError(
                f"Downsampled needs a factor of at least 2 that divides the image's {height} rows "
                f"and {width} columns, and at least one layer, got factor={factor}, "
                f"layers={layers}."
            )
        if levels is None:
            raise ValueError("Downsampled needs the number of levels of the images.")
        self.factor, self.levels = factor, levels
        self.condition_shape = (height // factor, width // factor, channels)
        sizes = [channels, *[filters] * (layers - 1), factor**2 * size]
        self.convolutions = track(
            self,
            "convolution",
            [
                keras.layers.Conv2D(outputs, 3, padding="same", dtype=self.dtype_policy)
                for outputs in sizes[1:]
            ],
        )
        for layer, inputs in zip(self.convolutions, sizes, strict=False):
            layer.build((None, None, None, inputs))
        self.built = True

    def encode(self, condition):
        """Images of lower resolution to [n, height, width, size]."""
        if tuple(condition.shape[1:]) != self.condition_shape:
            raise ValueError(
                f"Conditions are images of shape {self.condition_shape}, got shape "
                f"{tuple(condition.shape[1:])}; condition_of makes them from data."
            )
        h = tf.cast(condition, tf.float32) * (2.0 / (self.levels - 1)) - 1.0
        for i, layer in enumerate(self.convolutions):
            h = layer(tf.nn.relu(h) if i else h)
        return tf.nn.depth_to_space(h, self.factor)

    def condition_of(self, x, label=None):
        """Means of blocks, rounded half to even; int32."""
        mean = tf.nn.avg_pool2d(tf.cast(x, tf.float32), self.factor, self.factor, "VALID")
        return tf.cast(tf.round(mean), tf.int32)
