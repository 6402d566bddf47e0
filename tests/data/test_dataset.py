import itertools

import numpy as np
import pytest

from glf.data import DataSpec, make_dataset
from glf.data.dataset import Dataset
from glf.data.source import SPLITS, Source, Split, Table, complete_splits

TRAIN = 23
AUGMENTED = {"binarize": "dynamic", "horizontal_flip": True, "max_translation": 1}


@pytest.fixture(scope="module")
def source():
    """Images whose pixels say which example they are; the left column is darker."""

    def table(name, first, count):
        numbers = np.arange(first, first + count)
        images = np.broadcast_to(numbers[:, None, None, None], (count, 4, 2, 1)).astype(np.uint8)
        images = images + np.array([0, 100], np.uint8)[:, None]
        return Split.whole(Table(name, count, lambda: (images, numbers.astype(np.int32) % 5)))

    splits = {
        "train": table("train", 0, TRAIN),
        "validation": table("validation", 30, 4),
        "test": table("test", 50, 7),
    }
    return Source("numbers", (4, 2, 1), 256, 5, complete_splits("numbers", splits))


def _stream(dataset, *args, **kwargs):
    return [{k: v.numpy() for k, v in b.items()} for b in dataset.train_batches(*args, **kwargs)]


def _assert_equal(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def _numbers(batches):
    return np.concatenate([b["x"].min(axis=(1, 2, 3)) for b in batches])


def test_description(source):
    assert Dataset(source).spec == DataSpec((4, 2, 1), 256, 5)
    assert Dataset(source, binarize="threshold").spec.levels == 2
    dataset = Dataset(source)
    counts = [dataset.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [TRAIN, 4, 7]


@pytest.mark.parametrize("batch_size", [1, 6, 23, 50])
def test_epochs_cover_each_example_once(source, batch_size):
    steps = -(-3 * TRAIN // batch_size)
    batches = _stream(Dataset(source), batch_size, 0, num_steps=steps)
    assert all(b["x"].shape == (batch_size, 4, 2, 1) for b in batches)
    assert batches[0]["x"].dtype == np.uint8
    assert batches[0]["label"].dtype == np.int32
    epochs = _numbers(batches)[: 3 * TRAIN].reshape(3, TRAIN)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(TRAIN), (3, 1)))
    assert len(np.unique(epochs, axis=0)) == 3
    labels = np.concatenate([b["label"] for b in batches])
    np.testing.assert_array_equal(labels, _numbers(batches) % 5)


@pytest.mark.parametrize("options", [{}, AUGMENTED])
def test_resumed_equals_uninterrupted(source, options):
    dataset = Dataset(source, **options)
    whole = _stream(dataset, 6, 11, num_steps=14)
    for start in (0, 1, 3, 9, 13):
        _assert_equal(
            _stream(dataset, 6, 11, start_step=start, num_steps=14 - start), whole[start:]
        )


@pytest.mark.parametrize("options", [{}, AUGMENTED])
def test_shards_tile_the_batch(source, options):
    dataset = Dataset(source, **options)
    whole = _stream(dataset, 6, 2, num_steps=5)
    shards = [_stream(dataset, 6, 2, num_steps=5, shard=(i, 3)) for i in range(3)]
    joined = [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for parts in zip(*shards, strict=True)
    ]
    _assert_equal(joined, whole)


def test_endless_stream_and_seeds(source):
    dataset = Dataset(source)
    endless = [b["x"].numpy() for b in itertools.islice(dataset.train_batches(6, 5), 9)]
    finite = [b["x"] for b in _stream(dataset, 6, 5, num_steps=9)]
    np.testing.assert_array_equal(endless, finite)
    assert dataset.train_batches(6, 5).element_spec["x"].shape == (6, 4, 2, 1)
    other = [b["x"] for b in _stream(dataset, 6, 6, num_steps=9)]
    assert not np.array_equal(finite, other)
    assert _stream(dataset, 6, 5, num_steps=0) == []


@pytest.mark.parametrize("binarize", [None, "dynamic"])
@pytest.mark.parametrize(("split", "first", "count"), [("test", 50, 7), ("train", 0, TRAIN)])
def test_evaluation_gives_each_example_once_in_order(source, split, first, count, binarize):
    dataset = Dataset(source, binarize=binarize, horizontal_flip=True)
    batches = [{k: v.numpy() for k, v in b.items()} for b in dataset.eval_batches(split, 3)]
    assert [len(b["x"]) for b in batches] == [3] * (count // 3) + [count % 3] * (count % 3 > 0)
    labels = np.concatenate([b["label"] for b in batches])
    np.testing.assert_array_equal(labels, np.arange(first, first + count) % 5)
    if binarize is None:
        np.testing.assert_array_equal(_numbers(batches), np.arange(first, first + count))
    again = [{k: v.numpy() for k, v in b.items()} for b in dataset.eval_batches(split, 3)]
    _assert_equal(again, batches)
    larger = np.concatenate([b["x"] for b in dataset.eval_batches(split, 5)])
    np.testing.assert_array_equal(larger, np.concatenate([b["x"] for b in batches]))


def test_random_access_agrees_with_evaluation(source):
    dataset = Dataset(source, binarize="fixed")
    (batch,) = dataset.eval_batches("test", 7)
    got = dataset.examples("test", [6, 0, 3])
    np.testing.assert_array_equal(got["x"], batch["x"].numpy()[[6, 0, 3]])
    np.testing.assert_array_equal(got["label"], batch["label"].numpy()[[6, 0, 3]])
    np.testing.assert_array_equal(dataset.examples("test", slice(None))["x"], batch["x"].numpy())
    assert dataset.examples("test", [])["x"].shape == (0, 4, 2, 1)


def test_flips_are_fair_and_only_in_training(source):
    seen = _stream(Dataset(source, horizontal_flip=True), TRAIN, 0, num_steps=40)
    left = np.concatenate([b["x"][:, 0, 0, 0] > b["x"][:, 0, 1, 0] for b in seen])
    assert abs(left.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(left.size)
    plain = _stream(Dataset(source), TRAIN, 0, num_steps=40)
    np.testing.assert_array_equal(_numbers(seen), _numbers(plain))  # nothing else changes


PHOTOS = np.random.default_rng(0).integers(0, 256, (5, 7, 20, 3), np.uint8)


@pytest.fixture(scope="module")
def photos():
    split = Split.whole(Table("photos", 5, lambda: (PHOTOS, None)))
    return Source("photos", (7, 20, 3), 256, None, dict.fromkeys(SPLITS, split))


def _shifts(dataset, plain, steps, most, seed=0):
    """The (dy, dx) by which each example of a stream was moved, with edges repeated."""
    wide = ((most, most), (most, most), (0, 0))
    moves = list(itertools.product(range(-most, most + 1), repeat=2))
    batches = zip(
        _stream(dataset, 5, seed, num_steps=steps),
        _stream(plain, 5, seed, num_steps=steps),
        strict=True,
    )
    for moved, batch in batches:
        for image, original in zip(moved["x"], batch["x"], strict=True):
            padded = np.pad(original, wide, "edge")
            (found,) = [
                (y, x)
                for y, x in moves
                if np.array_equal(image, padded[most - y : most - y + 7, most - x : most - x + 20])
            ]
            yield found


@pytest.mark.parametrize(("given", "most"), [(0.1, (0, 2)), (0.15, (1, 3)), (3, (3, 3))])
def test_translations_are_uniform_and_only_in_training(photos, given, most):
    dataset, plain = Dataset(photos, max_translation=given), Dataset(photos)
    shifts = np.array(list(_shifts(dataset, plain, 40, max(most))))
    for axis, limit in enumerate(most):
        counts = np.bincount(shifts[:, axis] + limit, minlength=2 * limit + 1)
        share = 1 / (2 * limit + 1)
        spread = np.sqrt(200 * share * (1 - share))
        assert np.all(np.abs(counts - 200 * share) <= 4 * spread)
    if min(most):
        assert abs(np.corrcoef(shifts.T)[0, 1]) < 4 / np.sqrt(200)
    np.testing.assert_array_equal(dataset.examples("train", slice(None))["x"], PHOTOS)
    (batch,) = dataset.eval_batches("train", 5)
    np.testing.assert_array_equal(batch["x"], PHOTOS)


def test_translations_are_of_seed_and_position(photos):
    dataset, plain = Dataset(photos, max_translation=2), Dataset(photos)
    first = list(_shifts(dataset, plain, 4, 2))
    assert first == list(_shifts(dataset, plain, 4, 2))
    assert first != list(_shifts(dataset, plain, 4, 2, seed=1))
    mirrored = Dataset(photos, max_translation=2, horizontal_flip=True)
    for a, b in zip(
        _stream(dataset, 5, 0, num_steps=3), _stream(mirrored, 5, 0, num_steps=3), strict=True
    ):
        for image, other in zip(a["x"], b["x"], strict=True):
            assert np.array_equal(image, other) or np.array_equal(image, other[:, ::-1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0.04, "up to 0 and 0 pixels"),
        (7, "up to 7 and 7 pixels; it has to be 1 at least and less than a side"),
        (0, "a fraction of each side"),
        (1.0, "a float above 0 and below 1"),
        (2.5, "a float above 0 and below 1"),
        (-1, "got -1"),
        (True, "got True"),
        ("3", "got '3'"),
        (float("nan"), "got nan"),
    ],
)
def test_translations_refused(photos, given, message):
    with pytest.raises(ValueError, match=message):
        Dataset(photos, max_translation=given)


@pytest.mark.parametrize("num_bits", [1, 5, 8])
def test_the_upper_bits(source, num_bits):
    dataset = Dataset(source, num_bits=num_bits)
    assert dataset.spec == DataSpec((4, 2, 1), 2**num_bits, 5)
    whole = Dataset(source)
    for split in ("train", "test"):
        x = whole.examples(split, slice(None))["x"]
        expected = np.floor(x / 2 ** (8 - num_bits)).astype(np.uint8)
        np.testing.assert_array_equal(dataset.examples(split, slice(None))["x"], expected)
    (batch,) = _stream(dataset, 6, 0, num_steps=1)
    (plain,) = _stream(whole, 6, 0, num_steps=1)
    np.testing.assert_array_equal(batch["x"], plain["x"] >> (8 - num_bits))
    # The stored images are not touched.
    again = Dataset(source).examples("test", slice(None))["x"]
    np.testing.assert_array_equal(again, whole.examples("test", slice(None))["x"])


def _by_bytes(images):
    return np.argsort(images.reshape(len(images), -1).view(f"V{images[0].size}").ravel())


def _digit_epochs(binarize, epochs, seed=0):
    """Bits of the digits' training split in stored order, one array an epoch."""
    dataset = make_dataset("digits", binarize=binarize)
    count = dataset.num_examples("train")
    orders = make_dataset("digits").train_batches(count, seed, num_steps=epochs)
    plain = make_dataset("digits").examples("train", slice(None))["x"]
    result = []
    for raw, bits in zip(orders, dataset.train_batches(count, seed, num_steps=epochs), strict=True):
        # The images are all different, so sorting their bytes finds the stored order again.
        epoch = np.empty((count, 8, 8, 1), np.uint8)
        epoch[_by_bytes(plain)] = bits["x"].numpy()[_by_bytes(raw["x"].numpy())]
        result.append(epoch)
    return plain, np.array(result)


def test_dynamic_bits_are_fresh_each_epoch_with_the_right_mean():
    plain, epochs = _digit_epochs("dynamic", 6)
    assert set(np.unique(epochs)) == {0, 1}
    p = plain / 16
    assert np.all(epochs.min(axis=0)[plain == 16] == 1)
    assert np.all(epochs.max(axis=0)[plain == 0] == 0)
    error = epochs.mean(axis=(0, 1)) - p.mean(axis=0)
    deviation = np.sqrt((p * (1 - p)).sum(axis=0) / 6) / len(p)
    assert np.all(np.abs(error) <= 5 * deviation + 1e-12)
    between = (epochs[0] != epochs[1]).mean(axis=(0, 1))
    assert between.sum() == pytest.approx((2 * p * (1 - p)).mean(axis=(0, 1)).sum(), rel=0.05)


def test_fixed_bits_are_those_of_evaluation():
    _, epochs = _digit_epochs("fixed", 2, seed=9)
    np.testing.assert_array_equal(epochs[0], epochs[1])
    evaluated = make_dataset("digits", binarize="dynamic").examples("train", slice(None))["x"]
    np.testing.assert_array_equal(epochs[0], evaluated)


def test_no_two_splits_share_their_bits(source):
    # Same rows of two tables: the keys differ, so must the bits.
    dataset = Dataset(source, binarize="fixed")
    images = np.full((7, 4, 2, 1), 128, np.uint8)
    tables = [Table(name, 7, lambda: (images, None)) for name in ("train", "test")]
    bits = [dataset._take(table, np.arange(7))[0] for table in tables]
    assert not np.array_equal(*bits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size is an integer"),
        ({"start_step": -1}, "start_step is an integer of at least 0"),
        ({"num_steps": -1}, "num_steps is an integer of at least 0"),
        ({"shard": (3, 3)}, "0 <= index < count"),
        ({"shard": (0, 4)}, "batch_size 6 does not divide into 4 shards"),
        ({"seed": 0.5}, "A seed is an integer"),
    ],
)
def test_train_batches_refuses(source, options, message):
    with pytest.raises(ValueError, match=message):
        Dataset(source).train_batches(**({"batch_size": 6, "seed": 0} | options))


def test_refused(source):
    dataset = Dataset(source)
    with pytest.raises(ValueError, match=r"split is one of.*'valid'"):
        dataset.num_examples("valid")
    with pytest.raises(ValueError, match="batch_size"):
        dataset.eval_batches("test", 0)
    with pytest.raises(ValueError, match="has examples 0 to 6, got indices from 2 to 7"):
        dataset.examples("test", [2, 7])
    with pytest.raises(ValueError, match="sequence of integers"):
        dataset.examples("test", [0.5])
    with pytest.raises(ValueError, match=r"binarize is one of.*'static'"):
        Dataset(source, binarize="static")
