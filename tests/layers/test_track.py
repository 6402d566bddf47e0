import keras
import numpy as np
import tensorflow as tf

from glf.layers.track import track


class Stack(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.stack = track(self, "layer", [keras.layers.Dense(2), keras.layers.Dense(2)])
        for layer in self.stack:
            layer.build((None, 2))


def test_listed_layers_are_saved_and_restored_and_counted_once(tmp_path):
    saved, other = Stack(), Stack()
    assert len(saved.weights) == 4
    path = tf.train.Checkpoint(stack=saved).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(stack=other).read(path).assert_consumed()
    for a, b in zip(saved.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
