"""A dataset: its description, an endless stream of training batches, and passes to evaluate on."""

import dataclasses

import numpy as np
import tensorflow as tf

from glf.core.checks import check_at_least, is_integer
from glf.data import content, noise
from glf.data.binarize import BINARIZATIONS, bernoulli, threshold
from glf.data.rotation import rotated as turned
from glf.data.source import SPLITS
from glf.data.stream import EpochStream
from glf.data.translation import translated, translation_limits


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """What a model needs to know to be built.

    Attributes:
      shape: of x, (height, width, channels); (d,) where examples are points of continuous data.
      levels: x is in {0..levels-1}; None where x is continuous.
      num_classes: labels are in {0..num_classes-1}; None when unlabelled.
      sample_rate: in Hz, where an image is a waveform [samples, 1, 1] in mu-law levels, see
        `glf.data.mu_law`; None elsewhere.
      condition_shape: (height, width, channels) of the image that comes with each example; None
        where there is none.
      condition_levels: its values are in {0..condition_levels-1}.
    """

    shape: tuple[int, ...]
    levels: int | None
    num_classes: int | None
    sample_rate: int | None = None
    condition_shape: tuple[int, int, int] | None = None
    condition_levels: int | None = None

    @property
    def dtype(self):
        """The type of x: uint8 for integers, float32 for continuous data."""
        return tf.float32 if self.levels is None else tf.uint8


class Dataset:
    """Images of integers in three splits, from any source; also points of continuous data.

    Binarization turns x into {0, 1}, so that levels is 2. "threshold": x / (levels - 1) > 1/2.
    "dynamic": a Bernoulli draw with probability x / (levels - 1), afresh each time `train_batches`
    gives the example (Burda et al. 2015, arXiv 1509.00519). "fixed": one such draw per stored
    example, under a key no seed changes. `eval_batches` and `examples` use that draw in the
    "dynamic" case too, so both are evaluated on the same bits.

    Fewer bits: of each value the upper `num_bits` of 8 are kept, floor(x / 2^(8 - num_bits)), so
    that levels is 2^num_bits: the convention of the "5-bit" results of Glow (Kingma and Dhariwal
    2018, arXiv 1807.03039).

    Translation: a training example is moved by (dy, dx) pixels, independent and uniform on
    {-m_h, ..., m_h} and {-m_w, ..., m_w}; what comes in repeats the edge. With
    `max_translation` a fraction f, m = floor(f * side), otherwise m = `max_translation`. The
    published programs fill with the edge, too: those of Glow and of emerging convolutions
    (Hoogeboom et al. 2019, arXiv 1901.11137) move by up to f = 0.1 of each side, in real numbers
    with linear interpolation between pixels, which whole pixels spare; that of mAR-SCF
    (Bhattacharyya et al. 2020, arXiv 2004.03891) by -3 to 2 pixels along one of the sides.

    Rotation: each stored example is turned once, by an angle of its own under a key that no seed
    changes, in all splits: rotated MNIST (Larochelle et al. 2007) is MNIST with `rotated`. See
    `glf.data.rotation`.

    Where each image is paired with another, its condition, batches have that, too; it is never
    binarized, and mirrored and moved with its image.

    Args:
      source: a `glf.data.source.Source`.
      binarize: None, "threshold", "dynamic" or "fixed".
      horizontal_flip: mirror each training example left to right with probability 1/2, afresh
        each time it is seen; evaluation never does.
      max_translation: move each training example by up to this, afresh each time it is seen:
        a float below 1, a fraction of each side, or an integer, a number of pixels; None for no
        translation; evaluation never does.
      num_bits: how many bits of each value to keep, from 1 to 8; None: all there are.
      rotated: whether each example is turned, once.

    Attributes:
      name: what the source calls itself.
      spec: the `DataSpec`.
      density: the `glf.data.densities.Density` that points are drawn from, or None.
      place: the arguments of `make_dataset` that say where the data lie; {} if nowhere.
      content: what is stored there, see `glf.data.content`.

    Raises:
      ValueError: if `binarize` is unknown, or if `num_bits` is out of range, given together with
        `binarize`, or given for data that has not 256 levels; if any of these, or a flip, a
        translation or a rotation, is asked of continuous data; if one of the last three is asked
        of waveforms, or a rotation of pairs; if `max_translation` moves nothing, or images by a
        side.
    """

    def __init__(
        self,
        source,
        binarize=None,
        horizontal_flip=False,
        num_bits=None,
        max_translation=None,
        rotated=False,
    ):
        if binarize not in BINARIZATIONS:
            raise ValueError(f"binarize is one of {BINARIZATIONS}, got {binarize!r}.")
        moved = horizontal_flip or rotated or max_translation is not None
        if source.levels is None and (binarize or moved or num_bits is not None):
            raise ValueError(
                f"binarize, num_bits, horizontal_flip, max_translation and rotated are for images, "
                f"not for the points of {source.name!r}; leave them out."
            )
        if source.sample_rate is not None and moved:
            raise ValueError(
                f"horizontal_flip, max_translation and rotated are for images, not for the "
                f"waveforms of {source.name!r}; leave them out."
            )
        if rotated and source.condition_shape is not None:
            raise ValueError(
                f"rotated is for images alone, not for the pairs of {source.name!r}: a mask has no "
                "values between its own. Leave it out."
            )
        self._limits = None
        if max_translation is not None:
            self._limits = translation_limits(max_translation, source.shape)
        levels = source.levels if binarize is None else 2
        if num_bits is not None:
            _check_bits(num_bits, binarize, source)
            levels = 2**num_bits
        self.name = source.name
        self.spec = DataSpec(
            source.shape,
            levels,
            source.num_classes,
            source.sample_rate,
            source.condition_shape,
            source.condition_levels,
        )
        self.density = source.density
        self.place = source.place
        self.content = source.content
        self._source = source
        self._windows = source.windows
        self._binarize = binarize
        self._flip, self._rotated = horizontal_flip, rotated
        self._shift = 0 if num_bits is None else 8 - num_bits

    @property
    def value_options(self):
        """Options of `make_dataset` for other data of the same levels, where they take them.

        {"levels": those of the source, "binarize", "num_bits"}.
        """
        num_bits = 8 - self._shift if self._shift else None
        return {"levels": self._source.levels, "binarize": self._binarize, "num_bits": num_bits}

    def num_examples(self, split):
        """The number of examples in "train", "validation" or "test"."""
        return len(self._split(split).rows)

    def record(self):
        """What the data are, for a run to remember: {"content", "splits"}, as JSON can say it."""
        splits = {s: content.of_rows(split) for s, split in self._source.splits.items()}
        return {"content": self.content, "splits": splits}

    def train_batches(self, batch_size, seed, start_step=0, num_steps=None, shard=(0, 1)):
        """Training batches of steps start_step, start_step + 1, ..., any of them reached directly.

        The epochs, each in an order of its own keyed by (seed, epoch), are laid end to end, and
        step s takes positions [s B, (s + 1) B). A batch is a pure function of (dataset, seed, B,
        s): no example is dropped, and a run resumed at any step sees the batches it would have
        seen. Flips, translations and dynamic bits are pure functions of (seed, position). Points
        of a known density are drawn afresh for each position, no two steps of the same ones. Of
        patches the examples of an epoch are the whole images, of each a window at a random place.

        Args:
          batch_size: B, the examples of a step over all shards.
          seed: an integer or a pair of integers.
          start_step: the step of the first element.
          num_steps: how many steps to give; None for no end.
          shard: (index, count): rows [index B / count, (index + 1) B / count) of each batch.

        Returns:
          A `tf.data.Dataset` of {"x": uint8 [B / count, h, w, c], "label": int32 [B / count],
          "condition": uint8 [B / count, h', w', c']}; "label" only if the dataset is labelled,
          "condition" only if it is one of pairs. Of continuous data "x" is float32
          [B / count, d].

        Raises:
          ValueError: if an argument is out of range, or `count` does not divide B.
        """
        split = self._split("train")
        check_at_least("batch_size", batch_size, 1)
        check_at_least("start_step", start_step, 0)
        index, count = shard
        if not 0 <= index < count:
            raise ValueError(f"shard is (index, count) with 0 <= index < count, got {shard}.")
        if batch_size % count:
            raise ValueError(
                f"batch_size {batch_size} does not divide into {count} shards; give a multiple of "
                f"{count}."
            )
        size = batch_size // count
        of_rows = split.rows if self._windows is None else self._windows.images_of(split.rows)
        stream = EpochStream(len(of_rows), seed)
        words = noise.seed_words(seed)
        dynamic_key = noise.philox_key("binarize", *words) if self._binarize == "dynamic" else None
        points_key = noise.philox_key("fresh points", *words)
        windows_key = noise.philox_key("windows", *words)

        def batch(step):
            start = int(step) * batch_size + index * size
            positions = np.arange(start, start + size)
            if self.density is not None:
                bits = noise.random_words(points_key, positions, self.density.words)
                return self.density.draw(bits), np.zeros(size, np.int32)
            rows = of_rows[stream.examples(start, start + size)]
            if self._windows is not None:
                places = noise.random_words(windows_key, positions, 1)[:, 0]
                images = self._moved(self._windows.windows(rows, places), positions, words)
                return images[0], np.zeros(size, np.int32), *images[1:]
            images, labels, *conditions = self._take(split.table, rows, dynamic_key, positions)
            images, *conditions = self._moved([images, *conditions], positions, words)
            return images, labels, *conditions

        if num_steps is None:
            steps = tf.data.Dataset.counter(start_step)
        else:
            check_at_least("num_steps", num_steps, 0)
            steps = tf.data.Dataset.range(start_step, start_step + num_steps)
        return self._batches(split, steps, batch, size)

    def _moved(self, images, positions, words):
        """Arrays of images that belong together, translated and mirrored alike."""
        if self._limits is not None:
            key = noise.philox_key("translation", *words)
            images = translated(images, self._limits, key, positions)
        if self._flip:
            key = noise.philox_key("flip", *words)
            flip = noise.random_words(key, positions, 1)[:, 0] & 1 == 1
            for mirrored in images:
                mirrored[flip] = mirrored[flip][:, :, ::-1]
        return images

    def eval_batches(self, split, batch_size):
        """Each example of a split exactly once, in stored order; the last batch may be smaller.

        The same elements in each pass, binarized bits included.

        Args:
          split: "train", "validation" or "test".
          batch_size: examples a batch.

        Returns:
          A `tf.data.Dataset` of the elements of `train_batches`.

        Raises:
          ValueError: if `split` is unknown or `batch_size` is not positive.
        """
        split = self._split(split)
        check_at_least("batch_size", batch_size, 1)

        def batch(start):
            return self._take(split.table, split.rows[start : start + batch_size])

        starts = tf.data.Dataset.range(0, len(split.rows), batch_size)
        return self._batches(split, starts, batch, None)

    def examples(self, split, indices):
        """The examples at `indices` of a split, as `eval_batches` gives them.

        Args:
          split: "train", "validation" or "test".
          indices: integers in [0, num_examples(split)), a sequence or a slice.

        Returns:
          {"x": uint8 [n, h, w, c], "label": int32 [n], "condition": uint8 [n, h', w', c']},
          each of the last two only if there are any, as in `train_batches`.

        Raises:
          ValueError: if `split` is unknown or an index is out of range.
        """
        name, split = split, self._split(split)
        count = len(split.rows)
        indices = np.arange(count)[indices] if isinstance(indices, slice) else np.asarray(indices)
        if indices.ndim != 1 or (indices.size and not np.issubdtype(indices.dtype, np.integer)):
            raise ValueError(f"indices are a sequence of integers, got {indices!r}.")
        if indices.size and not 0 <= indices.min() <= indices.max() < count:
            raise ValueError(
                f"The {name} split of {self.name!r} has examples 0 to {count - 1}, got indices "
                f"from {indices.min()} to {indices.max()}."
            )
        return self._named(self._take(split.table, split.rows[indices.astype(np.int64)]))

    def _split(self, name):
        if name not in SPLITS:
            raise ValueError(f"split is one of {SPLITS}, got {name!r}.")
        return self._source.splits[name]

    def _take(self, table, rows, dynamic_key=None, positions=None):
        """Images, labels and perhaps conditions at `rows`.

        Binarized by (dynamic_key, positions) or once for all; labels are 0 where there are none.
        """
        images, labels, *conditions = table.arrays
        images = np.asarray(images[rows])  # a copy, in memory
        if self._rotated:
            images = turned(images, noise.philox_key("rotation", table.name), rows)
        if self._shift:
            images >>= self._shift
        if self._binarize == "threshold":
            images = threshold(images, self._source.levels)
        elif self._binarize is not None:
            if dynamic_key is None:
                dynamic_key, positions = noise.philox_key("fixed bits", table.name), rows
            images = bernoulli(images, self._source.levels, dynamic_key, positions)
        labels = np.zeros(len(rows), np.int32) if labels is None else labels[rows]
        return images, labels, *(np.asarray(condition[rows]) for condition in conditions)

    def _named(self, parts):
        """The parts of a batch by their names, without the labels where there are none."""
        named = dict(zip(("x", "label", "condition"), parts, strict=False))
        if self.spec.num_classes is None:
            del named["label"]
        return named

    def _batches(self, split, numbers, batch, size):
        """Maps numbers of batches to batches, in order and ahead of their use."""
        split.table.arrays  # noqa: B018  decoded here, where an error reaches the user
        shapes, types = [self.spec.shape, ()], [self.spec.dtype, tf.int32]
        if self.spec.condition_shape is not None:
            shapes, types = [*shapes, self.spec.condition_shape], [*types, tf.uint8]

        def element(number):
            parts = tf.numpy_function(batch, [number], types, stateful=False)
            for part, shape in zip(parts, shapes, strict=True):
                part.set_shape((size, *shape))
            return self._named(parts)

        batches = numbers.map(element, num_parallel_calls=2, deterministic=True).prefetch(4)
        # The shards are explicit, so TensorFlow must not cut the stream again.
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return batches.with_options(options)


def _check_bits(num_bits, binarize, source):
    if not is_integer(num_bits, 1) or num_bits > 8:
        raise ValueError(f"num_bits is an integer from 1 to 8, or None, got {num_bits!r}.")
    if binarize is not None:
        raise ValueError(
            f"num_bits={num_bits} and binarize={binarize!r} exclude each other: binarized data has "
            "one bit. Give one of them."
        )
    if source.levels != 256:
        raise ValueError(
            f"num_bits={num_bits} keeps the upper of 8 bits, but {source.name!r} has "
            f"{source.levels} levels, not 256. Leave it out."
        )
