"""The embedded digits: a dataset that needs no file and no network."""

import numpy as np

from glf.data import noise
from glf.data.source import Source, Split, Table, complete_splits

TEST_EXAMPLES = 297


def load_digits_source(*, geometry, validation_examples=None):
    """Handwritten digits of scikit-learn (UCI Optical Recognition of Handwritten Digits).

    1797 images 8 x 8 x 1 with values in {0..16} and 10 classes, split once and for all: train
    1350, validation 150, test 297. The test examples are chosen by a Philox permutation with a
    fixed key; so are the validation examples, from the other 1500.

    Raises:
      ValueError: if `validation_examples` leaves nothing to train on.
    """
    from sklearn import datasets  # slow to import, needed only here

    bunch = datasets.load_digits()
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    shape = geometry.output_shape(images.shape[1:], "digits")
    images = geometry.apply_all(images, levels=17)
    labels = bunch.target.astype(np.int32)
    order = noise.permutation(len(images), "digits")

    def table(name, rows):
        return Split.whole(Table(name, len(rows), lambda: (images[rows], labels[rows])))

    splits = {
        "train": table("train", np.sort(order[TEST_EXAMPLES:])),
        "test": table("test", np.sort(order[:TEST_EXAMPLES])),
    }
    return Source("digits", shape, 17, 10, complete_splits("digits", splits, validation_examples))
