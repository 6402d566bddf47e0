"""The embedded digits: a dataset that needs no file and no network."""

import importlib.util
import pathlib

import numpy as np

from glf.data import noise
from glf.data.source import Source, Split, Table, complete_splits

TEST_EXAMPLES = 297


def _rows():
    """The 64 values and the label of each example, float64 [1797, 65]."""
    package = importlib.util.find_spec("sklearn")
    # scikit-learn's own function reads this file; loading scikit-learn for it takes half a second.
    path = pathlib.Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if path.is_file():
        return np.loadtxt(path, delimiter=",")
    from sklearn import datasets

    bunch = datasets.load_digits()
    return np.concatenate([bunch.data, bunch.target[:, np.newaxis]], axis=1)


def load_digits_source(*, geometry, validation_examples=None):
    """Handwritten digits of scikit-learn (UCI Optical Recognition of Handwritten Digits).

    1797 images 8 x 8 x 1 with values in {0..16} and 10 classes, split once and for all: train
    1350, validation 150, test 297. The test examples are chosen by a Philox permutation with a
    fixed key; so are the validation examples, from the other 1500.

    Raises:
      ValueError: if `validation_examples` leaves nothing to train on.
    """
    values = _rows().astype(np.int32)
    images = values[:, :-1].astype(np.uint8).reshape(-1, 8, 8, 1)
    shape = geometry.output_shape(images.shape[1:], "digits")
    images = geometry.apply_all(images, levels=17)
    labels = values[:, -1]
    order = noise.permutation(len(images), "digits")

    def table(name, rows):
        return Split.whole(Table(name, len(rows), lambda: (images[rows], labels[rows])))

    splits = {
        "train": table("train", np.sort(order[TEST_EXAMPLES:])),
        "test": table("test", np.sort(order[:TEST_EXAMPLES])),
    }
    return Source("digits", shape, 17, 10, complete_splits("digits", splits, validation_examples))
