"""What drawing cost, in words."""

import types

import numpy as np
import pytest
import tensorflow as tf

from glf.evaluation.sampling_cost import samples_and_cost


class Fake:
    """A model of sequences of 20 values that are drawn at once."""

    is_alone = True

    def __init__(self, sample_rate):
        self.spec = types.SimpleNamespace(shape=(20, 1, 1), sample_rate=sample_rate)
        self.sampled = None

    def sample_with(self, sampler, num, seed, temperature):
        counts = tf.ones(num, tf.int32)
        return types.SimpleNamespace(
            x=tf.zeros((num, 20, 1, 1), tf.int32),
            calls=counts,
            certified=counts > 0,
            mended=0 * counts,
            mending_passes=0 * counts,
            forward_equivalents=tf.ones(num),
            final_at=tf.zeros((num, 20), tf.int32),
        )


@pytest.mark.parametrize("sample_rate", [None, 10])
def test_sounds_also_cost_seconds_a_second(monkeypatch, sample_rate):
    ticks = iter([0.0, 5.0, 10.0, 13.0])
    monkeypatch.setattr("glf.evaluation.sampling_cost.time.perf_counter", lambda: next(ticks))
    sampler = types.SimpleNamespace(settings=lambda model: {})
    images, cost = samples_and_cost(Fake(sample_rate), sampler, num=3, seed=0)
    np.testing.assert_array_equal(images, np.zeros((3, 20, 1, 1)))
    assert "3.000 s, 1.0000 s a sample" in cost
    assert cost.endswith("after 2.0 s to build the program.")
    # Three sounds of two seconds each.
    assert (", 0.50 s a second of audio" in cost) == (sample_rate is not None)
