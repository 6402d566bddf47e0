"""The causal transformer, one position after the other, against the whole sequence."""

import numpy as np
import pytest
import tensorflow as tf

from glf.networks import CausalTransformer


@pytest.mark.parametrize("condition", [None, (1, 2), (4, 2)], ids=["none", "one", "each"])
def test_steps_give_what_the_whole_gives(condition):
    rng = np.random.default_rng(0)
    network = CausalTransformer(3, width=4, heads=2, layers=2, dtype="float64")
    network.build((None, 4, 2), condition and (None, *condition))
    for weight in network.weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape))
    tokens = tf.constant(rng.normal(size=(5, 4, 2)))
    said = condition and tf.constant(rng.normal(size=(5, *condition)))
    whole = network(tokens, said)
    caches = network.caches(5, tf.float64)
    before = tokens[:, -1]
    for position in range(4):
        numbers, caches = network.step(before, caches, tf.constant(position), said)
        np.testing.assert_allclose(numbers, whole[:, position], atol=1e-12)
        before = tokens[:, position]
