import numpy as np
import pytest
from sklearn import datasets

from glf.data import DataSpec, make_dataset


def _all(dataset):
    return np.concatenate(
        [dataset.examples(s, slice(None))["x"] for s in ("train", "validation", "test")]
    )


def test_digits():
    dataset = make_dataset()
    assert dataset.name == "digits"
    assert dataset.spec == DataSpec((8, 8, 1), 17, 10)
    counts = [dataset.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [1350, 150, 297]
    expected = datasets.load_digits().images.astype(np.uint8)[..., None]
    as_rows = [np.sort(a.reshape(1797, 64).view("V64"), axis=0) for a in (_all(dataset), expected)]
    np.testing.assert_array_equal(*as_rows)


def test_digits_in_other_shapes():
    dataset = make_dataset(image_size=(16, 12), channels=3, validation_examples=10)
    assert dataset.spec == DataSpec((16, 12, 3), 17, 10)
    assert dataset.num_examples("train") == 1490
    assert _all(dataset).max() == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "mnist"}, "e.g. \"tfds:mnist\"; got 'mnist'"),
        ({"source": "tfds:"}, "source is"),
        ({"source": "digits:8"}, "source is"),
        ({"source": None}, "source is"),
        ({"binarize": "static"}, "binarize is one of"),
        ({"channels": 2}, "channels is 1 .grey., 3 .colour. or None, got 2"),
        ({"image_size": 0}, "image_size is a positive integer or a pair"),
        ({"image_size": (8, 0)}, "image_size is a positive integer or a pair"),
        ({"image_size": (8, 8, 1)}, "image_size is a positive integer or a pair"),
        ({"image_size": "8"}, "image_size is a positive integer or a pair"),
        ({"crop": 1.5}, "crop is a positive integer or a pair"),
        ({"crop": 9}, "crop 9x9 is larger than the image, 8x8"),
        ({"validation_examples": -1}, "validation_examples is an integer of at least 0"),
        ({"validation_examples": 1500}, "cannot cut 1500 validation examples from 1500"),
        ({"memory_budget": -1}, "memory_budget"),
        ({"num_bits": 0}, "num_bits is an integer from 1 to 8, or None, got 0"),
        ({"num_bits": 9}, "num_bits is an integer from 1 to 8"),
        ({"num_bits": 4.0}, "num_bits is an integer from 1 to 8"),
        ({"num_bits": 5, "binarize": "fixed"}, "exclude each other"),
        ({"num_bits": 5}, "'digits' has 17 levels, not 256"),
        (
            {"labels": "subfolders"},
            "make_dataset.labels = 'subfolders' is for sources of kind folder, got 'digits'; leave",
        ),
        ({"num_examples": 5}, "for sources of kind vessels, two_moons, checkerboard, eight_gaus"),
        ({"source": "checkerboard", "noise": 0.1}, "for sources of kind two_moons, got 'checker"),
        ({"source": "wav:x", "validation_examples": 3}, "for sources of kind digits, ves"),
        ({"data_path": "x"}, "sources that name a path .folder:PATH, array:PATH, wav:PATH, pairs"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_dataset(**options)


def test_labels_can_be_left_out():
    dataset = make_dataset("digits", labels=None)
    assert dataset.spec.num_classes is None
    assert set(dataset.examples("test", [0])) == {"x"}
