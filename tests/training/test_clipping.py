"""Norms of gradients, small ones laid together, against TensorFlow's of each by itself."""

import numpy as np
import tensorflow as tf

from glf.training.clipping import norms_of
from glf.training.packs import LARGEST


def test_norms_of_groups():
    generator = np.random.default_rng(0)

    def tensor(*shape, dtype="float32"):
        return tf.constant(generator.normal(size=shape).astype(dtype))

    rows = tf.IndexedSlices(tensor(2, 3), tf.constant([4, 1]), tf.constant([5, 3]))
    twice = tensor(7)
    groups = {
        "many": [tensor(3), tensor(), tensor(2, LARGEST), tensor(5, 7), rows, tensor(2, 2, 2)],
        "some": [tensor(3), None, twice, twice],
        "one": [tensor(4)],
        "none": [],
    }
    norms = norms_of(groups)
    assert set(norms) == {f"gradient_norm/{group}" for group in groups}
    for group, gradients in groups.items():
        expected = tf.linalg.global_norm(gradients)
        np.testing.assert_allclose(norms[f"gradient_norm/{group}"], expected, rtol=1e-6)


def test_a_gradient_of_no_number_makes_a_norm_of_none():
    for bad in (np.nan, np.inf):
        gradients = {"group": [tf.zeros(3), tf.constant([1.0, bad]), tf.zeros(LARGEST + 1)]}
        assert not np.isfinite(norms_of(gradients)["gradient_norm/group"])


def test_small_gradients_are_one_sum():
    spec = [tf.TensorSpec((4,)) for _ in range(20)]
    graph = tf.function(lambda *g: norms_of({"group": list(g)}), autograph=False)
    kinds = [op.type for op in graph.get_concrete_function(*spec).graph.get_operations()]
    assert kinds.count("L2Loss") == 1
