import logging as py_logging
import os
import socket
import warnings

import numpy as np
import pytest
from absl import logging

from glf.data import DataSpec, make_dataset
from glf.data.geometry import Geometry


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Small datasets prepared by tfds itself."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()

    usual = {"train": (30, 0), "test": (6, 30)}

    def prepare(name, image, images, splits=usual, **more):
        features = tfds.features.FeaturesDict({"image": image} | more)
        values = {"label": lambda i: i % 3, "more": lambda i: "text"}

        def examples(count, first):
            for i in range(first, first + count):
                yield i, {"image": images(i)} | {key: values[key](i) for key in more}

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # tfds asks git who is there
            tfds.dataset_builders.store_as_tfds_dataset(
                name=name,
                version="1.0.0",
                features=features,
                split_datasets={
                    split: examples(count, first) for split, (count, first) in splits.items()
                },
                data_dir=folder,
                disable_shuffling=True,
            )

    image, label = tfds.features.Image, tfds.features.ClassLabel(num_classes=3)
    text = tfds.features.Text()

    def flat(i, height=4, channels=3, dtype=np.uint8, scale=1):
        return np.full((height, 5, channels), i * scale, dtype)

    prepare("plain", image(shape=(4, 5, 3)), flat, label=label, more=text)
    prepare("sizes", image(shape=(None, None, 3)), lambda i: flat(i, 4 + i % 3))
    deep = image(shape=(4, 5, 1), dtype=np.uint16)
    splits = usual | {"extra": (2, 0)}
    prepare("deep", deep, lambda i: flat(i, channels=1, dtype=np.uint16, scale=257), splits)
    prepare("dark", deep, lambda i: flat(i, channels=1, dtype=np.uint16))
    prepare("float", image(shape=(4, 5, 1), dtype=np.float32), lambda i: flat(i, 4, 1, np.float32))
    return folder


def _numbers(dataset, split):
    return dataset.examples(split, slice(None))["x"][:, 0, 0, 0]


@pytest.mark.parametrize("budget", [2**30, 0])
def test_prepared_dataset(data_dir, tmp_path, budget):
    options = {"data_dir": data_dir, "memory_budget": budget, "cache_dir": tmp_path}
    dataset = make_dataset("tfds:plain", **options)
    assert dataset.spec == DataSpec((4, 5, 3), 256, 3)
    assert [dataset.num_examples(s) for s in ("train", "validation", "test")] == [27, 3, 6]
    np.testing.assert_array_equal(_numbers(dataset, "test"), np.arange(30, 36))
    np.testing.assert_array_equal(
        dataset.examples("test", slice(None))["label"], np.arange(30, 36) % 3
    )
    both = np.concatenate([_numbers(dataset, "train"), _numbers(dataset, "validation")])
    np.testing.assert_array_equal(np.sort(both), np.arange(30))


def test_data_dir_from_the_environment(data_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    dataset = make_dataset("tfds:plain:1.0.0", image_size=2, channels=1, crop=3)
    assert dataset.spec.shape == (2, 2, 1)
    assert dataset.place == {"data_dir": str(data_dir)}
    np.testing.assert_array_equal(_numbers(dataset, "test"), np.arange(30, 36))


def test_images_of_many_sizes(data_dir):
    with pytest.raises(ValueError, match="'tfds:sizes' differ in size; give image_size"):
        make_dataset("tfds:sizes", data_dir=data_dir)
    dataset = make_dataset("tfds:sizes", data_dir=data_dir, image_size=4)
    assert dataset.spec == DataSpec((4, 4, 3), 256, None)
    np.testing.assert_array_equal(_numbers(dataset, "test"), np.arange(30, 36))


def test_sixteen_bits_keep_the_upper_eight_and_unknown_splits_are_named(data_dir, said):
    dataset = make_dataset("tfds:deep", data_dir=data_dir)
    np.testing.assert_array_equal(_numbers(dataset, "test"), np.arange(30, 36))
    assert said == [
        "tfds:deep: not used are the splits extra",
        "tfds:deep: images were converted: those of 16 bits keep their upper 8",
    ]
    dark = make_dataset("tfds:dark", data_dir=data_dir)
    with pytest.raises(ValueError, match="16-bit images of 'tfds:dark' are black in the upper 8"):
        dark.examples("test", [0])


def test_conventions():
    import tensorflow_datasets as tfds

    from glf.data.tfds import _with_convention

    celeb = tfds.builder("celeb_a", try_gcs=False)
    assert _with_convention(celeb, Geometry()) == Geometry((140, 140), (64, 64))
    mine = Geometry((178, 178), (32, 32), 1)
    assert _with_convention(celeb, mine) == mine
    imagenet = tfds.builder("downsampled_imagenet/32x32", try_gcs=False)
    assert _with_convention(imagenet, Geometry()) == Geometry(size=(32, 32))


def test_refused(data_dir):
    with pytest.raises(ValueError, match=r"no dataset 'mnits'.*close names: .*mnist"):
        make_dataset("tfds:mnits", data_dir=data_dir)
    with pytest.raises(ValueError, match=r"no dataset 'qqqqqq'.*list_builders"):
        make_dataset("tfds:qqqqqq", data_dir=data_dir)
    with pytest.raises(ValueError, match=r"cannot build 'mnist:9\.9\.9'"):
        make_dataset("tfds:mnist:9.9.9", data_dir=data_dir)
    with pytest.raises(ValueError, match="cannot build 'downsampled_imagenet/99'"):
        make_dataset("tfds:downsampled_imagenet/99", data_dir=data_dir)
    with pytest.raises(ValueError, match='no feature "image" of 8 or 16 bit integers'):
        make_dataset("tfds:float", data_dir=data_dir)


def test_not_prepared(data_dir, monkeypatch, capsys, caplog):
    message = "'kmnist' is not prepared in .*download is off.*tfds build kmnist"
    with pytest.raises(ValueError, match=message):
        make_dataset("tfds:kmnist", data_dir=data_dir, download=False)
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    usual, tries = downloader.MAX_RETRIES, []

    def offline(*args):
        raise socket.gaierror("no such host")

    def fail(self, **kwargs):
        tries.append(downloader.MAX_RETRIES)
        raise ConnectionError("no network\nand more")

    for proxy in ("HTTPS_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", offline)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(ValueError, match=r"failed: ConnectionError: no network\. Run"):
        make_dataset("tfds:kmnist", data_dir=data_dir)
    assert tries == [0]  # no minutes of retries

    def noisily(self, **kwargs):
        print("Downloading and preparing dataset")
        py_logging.getLogger("urllib3.connectionpool").warning("Retrying (Retry(total=0))")
        logging.warning("Variant folder has no dataset_info.json")
        raise ConnectionError("HTTPSConnectionPool(host='a.org', port=443): Max retries exceeded")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", noisily)
    capsys.readouterr()
    with caplog.at_level(py_logging.INFO):
        caplog.clear()
        with pytest.raises(
            ValueError, match=r"a\.org, from where it is .* could not be reached\. R"
        ):
            make_dataset("tfds:kmnist", data_dir=data_dir)
    assert capsys.readouterr().out == ""
    assert [r.message for r in caplog.records if r.levelno >= py_logging.WARNING] == []
    assert usual == downloader.MAX_RETRIES > 0


@pytest.mark.real_data
@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "counts", "mean"),
    [
        ("mnist", (28, 28, 1), [55000, 5000, 10000], 33.8),
        ("cifar10", (32, 32, 3), [45000, 5000, 10000], 121.5),
    ],
)
def test_real(name, shape, counts, mean):
    dataset = make_dataset(f"tfds:{name}")
    assert dataset.spec == DataSpec(shape, 256, 10)
    assert [dataset.num_examples(s) for s in ("train", "validation", "test")] == counts
    images = np.concatenate([b["x"] for b in dataset.eval_batches("test", 3000)])
    assert images.shape == (10000, *shape)
    assert images.mean() == pytest.approx(mean, abs=0.3)
    labels = np.concatenate([b["label"] for b in dataset.eval_batches("test", 3000)])
    assert np.bincount(labels).min() >= 892
    whole = [b["x"].numpy() for b in dataset.train_batches(256, 1, num_steps=6)]
    resumed = [b["x"].numpy() for b in dataset.train_batches(256, 1, start_step=4, num_steps=2)]
    np.testing.assert_array_equal(whole[4:], resumed)
