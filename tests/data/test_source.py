import numpy as np
import pytest

from glf.data.source import Split, Table, complete_splits


def _splits(**counts):
    def whole(name, count):
        images = np.zeros((count, 1, 1, 1), np.uint8)
        return Split.whole(Table(name, count, lambda: (images, None)))

    return {name: whole(name, count) for name, count in counts.items()}


def _counts(splits):
    return {name: len(split.rows) for name, split in splits.items()}


@pytest.mark.parametrize(
    ("given", "cut", "expected"),
    [
        ({"train": 100, "test": 7}, None, (90, 10, 7)),
        ({"train": 100, "test": 7}, 0, (100, 0, 7)),
        ({"train": 60000, "test": 7}, None, (55000, 5000, 7)),
        ({"train": 100, "validation": 8, "test": 7}, None, (100, 8, 7)),
        ({"train": 100, "validation": 8}, 20, (80, 20, 8)),
        ({"train": 100}, None, (81, 9, 10)),
        ({"train": 100, "test": 0, "extra": 9}, None, (81, 9, 10)),
    ],
)
def test_completed(given, cut, expected):
    splits = complete_splits("it", _splits(**given), cut)
    assert tuple(_counts(splits).items()) == tuple(
        zip(("train", "validation", "test"), expected, strict=True)
    )


def test_cuts_are_disjoint_and_always_the_same():
    first = complete_splits("it", _splits(train=50))
    second = complete_splits("it", _splits(train=50))
    rows = [split.rows for split in first.values()]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(50))
    for name, split in first.items():
        np.testing.assert_array_equal(split.rows, second[name].rows)


def test_refused():
    with pytest.raises(ValueError, match=r"needs a train split.*\['all'\]"):
        complete_splits("it", _splits(all=5))
    with pytest.raises(ValueError, match="own validation split of 8"):
        complete_splits("it", _splits(train=100, validation=8, test=7), 5)
    with pytest.raises(ValueError, match="cannot cut 100 validation examples from 100"):
        complete_splits("it", _splits(train=100, test=7), 100)


def test_a_table_loads_once_and_only_when_read():
    loads = []
    table = Table("train", 3, lambda: loads.append(1) or (np.zeros((3, 1, 1, 1)), None))
    assert not loads
    assert table.arrays is table.arrays
    assert loads == [1]
