"""Extractors: images of a dataset to vectors of features."""

import abc
import functools
import typing
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from glf.core import cache
from glf.core.progress import Progress
from glf.core.shares import ALONE


class Extracted(NamedTuple):
    """What an extractor makes of n images.

    Attributes:
      features: float32 [n, d].
      probabilities: float32 [n, classes], of the extractor's own classes; None where it has none.
    """

    features: np.ndarray
    probabilities: np.ndarray | None = None


class Extractor(abc.ABC):
    """Images x [n, height, width, channels] in {0, ..., levels - 1} to features [n, d].

    An extractor is made for one kind of data. Measures of features bear its name.

    Args:
      spec: the `DataSpec` of the images.

    Attributes:
      name: a word, which ends the names of metrics, `fid_NAME`.
      about: what the features are, for the metrics' meanings: "features: ABOUT".
      fingerprint: a text that changes whenever features of the same images might.
      classes: what its probabilities are of, in words; None where it has none.
      rows: images at a time.

    Raises:
      ValueError: if the data are no images.
    """

    classes = None
    rows = 256

    def __init__(self, spec):
        if not has_images(spec):
            raise ValueError(f"Features are of images of integers, got data of {spec}.")
        self.spec = spec

    @typing.final
    def __call__(self, images):
        """`Extracted` of all images, `rows` at a time.

        Raises:
          ValueError: if these are no images of integers of the data's shape and levels, or if
            features are not finite.
        """
        images = self._checked(np.asarray(images))
        starts = range(0, len(images), self.rows)
        extracted = _joined([self._extract(images[i : i + self.rows]) for i in starts])
        if not np.all(np.isfinite(extracted.features)):
            raise ValueError(f"Features of {self.name} are not finite numbers; {self.about}.")
        return extracted

    @typing.final
    def over(self, images, total, size, shares=ALONE, name="images"):
        """The same of many images, `size` at a time.

        Args:
          images: of (start, stop): those images.
          total: how many there are.
          size: how many `images` is asked for.
          shares: those who do it together, see `glf.core.shares`.
          name: of these images, for them.

        Raises:
          ValueError: as of a call.
        """
        progress = Progress(f"Features ({self.name})", total)

        def make(_, start):
            progress.at(start)
            made = self(images(start, min(start + size, total)))._asdict()
            return {part: array for part, array in made.items() if array is not None}

        starts = functools.partial(range, 0, total, size)
        name = f"features-{name}-{self.name}-{cache.digest(self.fingerprint)[:16]}"
        return _joined([Extracted(**made) for made in shares.over(name, starts, make)])

    @abc.abstractmethod
    def _extract(self, images):
        """`Extracted` of up to `rows` images, arrays of NumPy in float32."""

    def _checked(self, images):
        shape, levels = tuple(self.spec.shape), self.spec.levels
        if images.ndim != 4 or images.shape[1:] != shape or not len(images):
            raise ValueError(f"Images are [n, {shape}], at least one, got shape {images.shape}.")
        if not np.issubdtype(images.dtype, np.integer):
            raise ValueError(f"Images are integers, got {images.dtype}.")
        if images.min() < 0 or images.max() >= levels:
            raise ValueError(
                f"Images have levels 0 to {levels - 1}, got {images.min()} to {images.max()}."
            )
        return images

    def _unit(self, images):
        """Levels to [0, 1], a float32 tensor: x / (levels - 1)."""
        return tf.constant(images / np.float32(self.spec.levels - 1), tf.float32)


def _joined(parts):
    """`Extracted` of all images, of that of some after the other."""
    parts = zip(*parts, strict=True)
    return Extracted(*(None if part[0] is None else np.concatenate(part) for part in parts))


def has_images(spec):
    """Whether data are images of integers, neither points nor waveforms."""
    return spec.levels is not None and spec.sample_rate is None and len(spec.shape) == 3


def three_channels(y):
    """Images with one channel, repeated to three; those with three as they are.

    Raises:
      ValueError: for other numbers of channels.
    """
    if y.shape[-1] not in (1, 3):
        raise ValueError(
            f"A network of colour images takes 1 or 3 channels, got {y.shape[-1]}; choose the "
            "classifier or pixels as feature_extractor."
        )
    return tf.repeat(y, 3, axis=-1) if y.shape[-1] == 1 else y


def repeated(spec):
    """How grey images are made colour images, in words; "" for colour images."""
    return ", grey repeated to three channels" if spec.shape[-1] == 1 else ""
