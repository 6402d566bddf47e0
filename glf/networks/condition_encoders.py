"""Condition encoders: contexts made of conditions, once for all positions."""

import abc

import keras
import tensorflow as tf

from glf.core.part import Part
from glf.layers.track import track


class ConditionEncoder(Part, keras.layers.Layer):
    """A condition to context features [n, 1 or height, 1 or width, size].

    Args:
      spec: the `DataSpec` of what is modelled.
      size: number of context features.

    Attributes:
      kind: "label", "image" (made of the image itself) or "paired" (it comes with the data).
      reads: the name of what it reads of a batch.
      condition_shape: the shape of one condition.
      condition_levels: conditions are integers in {0, ..., condition_levels - 1}.
      context_shape: (None, 1 or height, 1 or width, size).
    """

    given_by_code = ("spec", "dtype")
    kind: str
    reads: str
    condition_shape: tuple
    condition_levels: int

    def __init__(self, spec, size, *, dtype=None):
        super().__init__(dtype=dtype)
        self.image_shape = tuple(spec.shape)
        self.size = size

    @property
    def context_shape(self):
        """The shape of a batch of contexts: one position for a class, as many as the image has."""
        return (None, *(self.image_shape[:2] if self.condition_shape else (1, 1)), self.size)

    @property
    def condition_spec(self):
        """The `tf.TensorSpec` of a batch of conditions."""
        return tf.TensorSpec([None, *self.condition_shape], tf.int32)

    @abc.abstractmethod
    def encode(self, condition):
        """The context of a batch of conditions."""

    @abc.abstractmethod
    def condition_of(self, batch):
        """The conditions, integers [n, *condition_shape], of a batch of data."""

    def scaled(self, condition):
        """Integers as float32 in [-1, 1]."""
        return tf.cast(condition, tf.float32) * (2.0 / (self.condition_levels - 1)) - 1.0

    def _check(self, condition):
        if tuple(condition.shape[1:]) != self.condition_shape:
            raise ValueError(
                f"Conditions are images of shape {self.condition_shape}, got shape "
                f"{tuple(condition.shape[1:])}; condition_of makes them from data."
            )


class LabelEmbedding(ConditionEncoder):
    """A learned vector for each class, the same at every position.

    Args:
      spec: the `DataSpec` of what is modelled; labels are in {0, ..., num_classes - 1}.
      size: number of context features.

    Raises:
      ValueError: if there are no classes.
    """

    kind, reads, condition_shape = "label", "label", ()

    def __init__(self, spec, *, size=32, dtype=None):
        super().__init__(spec, size, dtype=dtype)
        self.num_classes = self.condition_levels = _classes(self, spec)
        self.table = self.add_weight(
            name="table",
            shape=(spec.num_classes, size),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.built = True

    def encode(self, condition):
        """Labels, integers [n], to [n, 1, 1, size]."""
        hot = tf.one_hot(tf.cast(condition, tf.int32), self.num_classes)
        return tf.matmul(hot, self.table.value)[:, None, None]

    def condition_of(self, batch):
        """The labels themselves."""
        return batch["label"]


class OneHotLabels(ConditionEncoder):
    """A number for each class, 1 for the label's and 0 for others: a label as it is, unlearned.

    Args:
      spec: the `DataSpec` of what is modelled; labels are in {0, ..., num_classes - 1}.

    Raises:
      ValueError: if there are no classes.
    """

    kind, reads, condition_shape = "label", "label", ()

    def __init__(self, spec, *, dtype=None):
        super().__init__(spec, _classes(self, spec), dtype=dtype)
        self.condition_levels = self.size
        self.built = True

    def encode(self, condition):
        """Labels, integers [n], to [n, 1, 1, num_classes]."""
        return tf.one_hot(tf.cast(condition, tf.int32), self.size)[:, None, None]

    def condition_of(self, batch):
        """The labels themselves."""
        return batch["label"]


def _classes(encoder, spec):
    """The number of classes.

    Raises:
      ValueError: if there are none.
    """
    if not spec.num_classes:
        raise ValueError(
            f"{type(encoder).__name__} needs a dataset with labels; this one has none. Take "
            "another, or give a folder's labels with make_dataset.labels."
        )
    return spec.num_classes


class LowerResolution(ConditionEncoder):
    """Encoders of the image itself at a lower resolution.

    The condition is the mean over blocks of `factor` x `factor` pixels, rounded to a level:
    integers [n, height / factor, width / factor, channels].

    Args:
      spec: the `DataSpec` of what is modelled.
      factor: side of the blocks, at least 2; divides height and width.
      size: number of context features.

    Raises:
      ValueError: for a factor that does not fit.
    """

    kind, reads = "image", "x"

    def __init__(self, spec, factor, size, *, dtype=None):
        super().__init__(spec, size, dtype=dtype)
        height, width, channels = self.image_shape
        if factor < 2 or height % factor or width % factor:
            raise ValueError(
                f"{type(self).__name__} needs a factor of at least 2 that divides the image's "
                f"{height} rows and {width} columns, got factor={factor}."
            )
        self.factor, self.condition_levels = factor, spec.levels
        self.condition_shape = (height // factor, width // factor, channels)

    def condition_of(self, batch):
        """Means of blocks, rounded half to even; int32."""
        x = tf.cast(batch["x"], tf.float32)
        mean = tf.nn.avg_pool2d(x, self.factor, self.factor, "VALID")
        return tf.cast(tf.round(mean), tf.int32)


class Downsampled(LowerResolution):
    """The image at a lower resolution, through a small convolutional network.

    `layers` 3x3 convolutions that see to all sides, with relus between them, give each pixel of a
    block features of its own. For the condition see `LowerResolution`.

    Args:
      spec: the `DataSpec` of what is modelled.
      factor: side of the blocks; divides height and width.
      size: number of context features.
      filters: features between the convolutions.
      layers: number of convolutions.

    Raises:
      ValueError: for a factor that does not fit, and for conditions of another shape.
    """

    def __init__(
        self,
        spec,
        *,
        factor=2,
        size=32,
        filters=32,
        layers=2,
        dtype=None,
    ):
        super().__init__(spec, factor, size, dtype=dtype)
        if layers < 1:
            raise ValueError(f"Downsampled needs at least one layer, got layers={layers}.")
        sizes = [self.image_shape[2], *[filters] * (layers - 1), factor**2 * size]
        self.convolutions = _convolutions(self, sizes)
        self.built = True

    def encode(self, condition):
        """Images of lower resolution to [n, height, width, size]."""
        self._check(condition)
        return tf.nn.depth_to_space(_through(self, condition), self.factor)


class Paired(ConditionEncoder):
    """The image that the data brings for each example, through a small convolutional network.

    `layers` 3x3 convolutions that see to all sides, with relus between them.

    Args:
      spec: the `DataSpec` of what is modelled, of data that comes in pairs.
      size: number of context features.
      filters: features between the convolutions.
      layers: number of convolutions.

    Raises:
      ValueError: if the data has no pairs, if their images differ in height or width, and for
        conditions of another shape.
    """

    kind, reads = "paired", "condition"

    def __init__(self, spec, *, size=32, filters=32, layers=3, dtype=None):
        super().__init__(spec, size, dtype=dtype)
        if spec.condition_shape is None or layers < 1:
            raise ValueError(
                'Paired needs a dataset of pairs (make_dataset.source = "pairs:PATH") and at '
                f"least one layer, got condition_shape={spec.condition_shape}, layers={layers}."
            )
        self.condition_shape = tuple(spec.condition_shape)
        self.condition_levels = spec.condition_levels
        if self.condition_shape[:2] != self.image_shape[:2]:
            raise ValueError(
                "Paired needs conditions as high and wide as what is modelled, got conditions of "
                f"shape {self.condition_shape} for images of shape {self.image_shape}."
            )
        sizes = [self.condition_shape[2], *[filters] * (layers - 1), size]
        self.convolutions = _convolutions(self, sizes)
        self.built = True

    def encode(self, condition):
        """Images, integers [n, height, width, c], to [n, height, width, size]."""
        self._check(condition)
        return _through(self, condition)

    def condition_of(self, batch):
        """The images that came with the data; int32."""
        return tf.cast(batch["condition"], tf.int32)


def _convolutions(encoder, sizes):
    """3x3 convolutions between the given numbers of features."""
    layers = [
        keras.layers.Conv2D(outputs, 3, padding="same", dtype=encoder.dtype_policy)
        for outputs in sizes[1:]
    ]
    for layer, inputs in zip(layers, sizes, strict=False):
        layer.build((None, None, None, inputs))
    return track(encoder, "convolution", layers)


def _through(encoder, condition):
    """The convolutions of an image of integers, scaled to [-1, 1]."""
    h = encoder.scaled(condition)
    for i, layer in enumerate(encoder.convolutions):
        h = layer(tf.nn.relu(h) if i else h)
    return h
