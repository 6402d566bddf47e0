"""Image datasets of TensorFlow Datasets."""

import contextlib
import difflib
import io
import logging as py_logging
import os
import re
import socket

import numpy as np
import tensorflow as tf
from absl import logging

from glf.core.files import expanded
from glf.data.geometry import Geometry, flatten_alpha
from glf.data.source import SPLITS, Source, Split, Table, complete_splits

_PROBE = "storage.googleapis.com"  # where tfds itself looks first
_HOST = re.compile(r"HTTPS?ConnectionPool\(host='([^']+)'")  # in what urllib3 raises
# What the papers train on. CelebA: the central 140 x 140 at 64 x 64 (Tolstikhin et al. 2018, WAE).
_CONVENTIONS = {
    "celeb_a": Geometry(crop=(140, 140), size=(64, 64)),
    "downsampled_imagenet/8x8": Geometry(size=(8, 8)),
    "downsampled_imagenet/16x16": Geometry(size=(16, 16)),
    "downsampled_imagenet/32x32": Geometry(size=(32, 32)),
    "downsampled_imagenet/64x64": Geometry(size=(64, 64)),
}


def load_tfds_source(
    name, /, *, geometry, store, data_dir=None, download=True, validation_examples=None
):
    """A dataset of tfds with an "image" feature and, perhaps, a "label" feature.

    CelebA is by default cropped to its central 140 x 140 and resized to 64 x 64, as in the papers
    on Wasserstein, regularized and flow autoencoders. Images of 16 bits keep their upper 8. Each
    split is decoded when it is first read.

    Args:
      name: as for `tfds.builder`: "mnist", "downsampled_imagenet/32x32", "cifar10:3.0.2".
      geometry: a `Geometry`; what it leaves out follows the convention of the dataset.
      data_dir: where prepared datasets are; None for TFDS_DATA_DIR, else the default of tfds.
      download: download and prepare the dataset if it is not there.
      validation_examples: see `complete_splits`.
      store: a `Store`, for each split.

    Raises:
      ValueError: if the dataset is unknown, cannot be had, has no usable images, or its images
        differ in size and no image_size is given; when a split is read, if its 16-bit images are
        black in the upper 8.
    """
    import tensorflow_datasets as tfds  # slow to import, needed only here

    label = f"tfds:{name}"
    builder = _prepared_builder(tfds, name, data_dir, download)
    image, classes = _features(tfds, label, builder.info.features)
    geometry = _with_convention(builder, geometry)
    shape = _output_shape(label, image.shape, geometry)

    def table(split):
        count = builder.info.splits[split].num_examples

        def load():
            images, labels = store.collect(
                f"{label} {split}",
                lambda: _decoded(tfds, builder, split, geometry, shape, classes is not None),
                count,
                shape,
                [label, builder.info.full_name, str(builder.data_dir), split, repr(geometry)],
            )
            if image.np_dtype == np.uint16 and not images.any():
                raise ValueError(
                    f"The 16-bit images of {label!r} are black in the upper 8 bits, which are "
                    "kept: their values use the lowest bits alone. Choose another dataset, or "
                    'write its images with 8 bits and give them as "folder:" or "array:".'
                )
            return images, None if classes is None else labels.astype(np.int32)

        return Split.whole(Table(split, count, load))

    _warn_of_passed_over(label, builder.info.splits, image)
    splits = {split: table(split) for split in builder.info.splits}
    splits = complete_splits(label, splits, validation_examples)
    place = {"data_dir": os.path.abspath(_folder(tfds, data_dir))}
    stored = {"dataset": builder.info.full_name.rsplit("/", 1)[0], "version": str(builder.version)}
    return Source(label, shape, 256, classes, splits, place=place, content=stored)


def _features(tfds, label, features):
    """(the feature "image", the number of classes or None)."""
    named = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, classes = named.get("image"), named.get("label")
    if not isinstance(image, tfds.features.Image) or image.np_dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f'{label!r} has no feature "image" of 8 or 16 bit integers, but {features}; choose an '
            "image dataset."
        )
    return image, classes.num_classes if isinstance(classes, tfds.features.ClassLabel) else None


def _warn_of_passed_over(label, splits, image):
    unused = sorted(set(splits) - set(SPLITS))
    if unused:
        logging.warning("%s: not used are the splits %s", label, ", ".join(unused))
    deep = image.np_dtype == np.uint16
    if deep or image.shape[2] in (2, 4):
        change = "those of 16 bits keep their upper 8" if deep else "alpha is laid over white"
        logging.warning("%s: images were converted: %s", label, change)


def _folder(tfds, data_dir):
    """The folder with prepared datasets: `data_dir`, $TFDS_DATA_DIR, or the default of tfds."""
    # tfds reads the variable only when it is imported.
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
    return str(expanded(chosen))


def _prepared_builder(tfds, name, data_dir, download):
    data_dir = _folder(tfds, data_dir)
    tfds.disable_progress_bar()
    try:
        with _quiet():
            builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError:
        close = difflib.get_close_matches(name, tfds.list_builders(), n=5, cutoff=0.5)
        hint = f"close names: {', '.join(close)}" if close else "tfds.list_builders() has them all"
        raise ValueError(
            f"tfds knows no dataset {name!r}, and there is none of that name in {data_dir}; {hint}."
        ) from None
    except (AssertionError, ValueError, TypeError, RuntimeError, OSError) as error:
        # tfds has no one class for a configuration or a version that does not exist.
        raise ValueError(f"tfds cannot build {name!r}: {error}") from error
    with _quiet():
        prepared = builder.is_prepared()
    if prepared:
        return builder
    cause, why = None, "and download is off"
    if download:
        logging.info("tfds:%s is not in %s; downloading and preparing it", name, builder.data_path)
        try:
            with _impatient_when_offline(), _quiet():
                builder.download_and_prepare()
            return builder
        except Exception as error:  # the network, the disk, manual downloads: tfds raises them all
            first = str(error).strip().splitlines() or [""]
            cause, why = error, f"and preparing it failed: {type(error).__name__}: {first[0][:300]}"
            host = _HOST.search(str(error))
            if host:
                why = f"and {host[1]}, from where it is downloaded, could not be reached"
    raise ValueError(
        f"Dataset {name!r} is not prepared in {builder.data_path}, {why}. Run `tfds build {name} "
        "--data_dir=DIR` on a machine with network access, copy DIR here, and give it as data_dir "
        "(or set TFDS_DATA_DIR)."
    ) from cause


@contextlib.contextmanager
def _impatient_when_offline():
    """Spares minutes of retries where no host name can be looked up.

    It still tries once: what was downloaded before, or by hand, needs no network.
    """
    from tensorflow_datasets.core.download import downloader

    retries = downloader.MAX_RETRIES
    proxied = any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "http_proxy"))
    try:
        socket.getaddrinfo(_PROBE, 443)
    except OSError:
        downloader.MAX_RETRIES = retries if proxied else 0
    try:
        yield
    finally:
        downloader.MAX_RETRIES = retries


@contextlib.contextmanager
def _quiet():
    """Keeps tfds from telling where it reads each split from, and urllib3 of its retries.

    What fails is said in the end, in one message.
    """
    verbosity, network = logging.get_verbosity(), py_logging.getLogger("urllib3")
    level = network.level
    logging.set_verbosity(logging.ERROR)
    network.setLevel(py_logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        network.setLevel(level)


def _with_convention(builder, geometry):
    """What `geometry` leaves out, from the convention of the dataset."""
    config = f"{builder.name}/{builder.builder_config.name}" if builder.builder_config else None
    usual = _CONVENTIONS.get(config) or _CONVENTIONS.get(builder.name) or Geometry()
    return Geometry(geometry.crop or usual.crop, geometry.size or usual.size, geometry.channels)


def _output_shape(label, shape, geometry):
    height, width, channels = shape
    # Alpha is laid over white, see `flatten_alpha`.
    channels = {2: 1, 4: 3}.get(channels, channels) or geometry.channels
    if channels is None:
        raise ValueError(f"The images of {label!r} differ in channels; give channels 1 or 3.")
    if height is None or width is None:
        target = geometry.size or geometry.crop
        if target is None:
            raise ValueError(
                f"The images of {label!r} differ in size; give image_size to bring them to one."
            )
        return (*target, geometry.channels or channels)
    return geometry.output_shape((height, width, channels), label)


def _decoded(tfds, builder, split, geometry, shape, labelled):
    """Batches of (images, labels) of a split, in stored order, decoded in parallel."""
    wanted = {"image": True} | ({"label": True} if labelled else {})
    read_config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
    with _quiet():
        examples = builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(wanted),
            read_config=read_config,
        )

    def one(image):
        image = flatten_alpha((image >> 8).astype(np.uint8) if image.dtype == np.uint16 else image)
        return geometry.apply(image, name=builder.info.full_name)

    def prepare(example):
        image = example["image"]
        if image.dtype != tf.uint8 or image.shape != shape:
            image = tf.numpy_function(one, [image], tf.uint8, stateful=False)
        return tf.ensure_shape(image, shape), example["label"] if labelled else tf.constant(0)

    batches = examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.batch(256).prefetch(2).as_numpy_iterator()
