"""Fixed permutations of the dimensions."""

import keras
import tensorflow as tf

from glf.bijectors.base import VectorBijector, same_for_all


class RandomPermutation(VectorBijector):
    """A permutation π, drawn once when the layer is built and saved with it.

      u_i = y_π(i)      y_π(i) = u_i      log|det| = 0

    It lets couplings that always move the same half reach every dimension. The permutation is a
    non-trainable integer weight: a restored flow has the one it was trained with.
    """

    def build(self, input_shape, condition_shape=None):
        """Draws the permutation with a Keras initializer."""
        super().build(input_shape, condition_shape)
        # 64-bit integers, because TensorFlow has no GPU kernels for 32-bit integer variables.
        self.permutation = self.add_weight(
            name="permutation",
            shape=(self.size,),
            dtype="int64",
            initializer=_random_permutation,
            trainable=False,
        )

    def _forward(self, u, condition, training):
        """y_π(i) = u_i, and 0."""
        back = tf.scatter_nd(
            self.permutation.value[:, None],
            tf.range(self.size, dtype=tf.int64),
            tf.constant([self.size], tf.int64),
        )
        return tf.gather(u, back, axis=1), same_for_all(0.0, u)

    def _inverse(self, y, condition, training):
        """u_i = y_π(i), and 0."""
        return tf.gather(y, self.permutation.value, axis=1), same_for_all(0.0, y)


class EvenOddPermutation(VectorBijector):
    """Every second dimension first: u = (y_0, y_2, y_4, ..., y_1, y_3, ...). log|det| = 0.

    Behind it the halves that a coupling divides are NICE's, the even and the odd components (Dinh,
    Krueger, Bengio 2014, section 5.1), here of ⌈d/2⌉ and ⌊d/2⌋ dimensions.
    """

    def _forward(self, u, condition, training):
        """Puts the dimensions back in their places, and 0."""
        half = (self.size + 1) // 2
        back = [i // 2 + half * (i % 2) for i in range(self.size)]
        return tf.gather(u, back, axis=1), same_for_all(0.0, u)

    def _inverse(self, y, condition, training):
        """Even dimensions, then odd ones, and 0."""
        return tf.concat([y[:, ::2], y[:, 1::2]], axis=1), same_for_all(0.0, y)


def _random_permutation(shape, dtype):
    keys = keras.initializers.RandomUniform(0.0, 1.0)(shape, "float32")
    return tf.cast(tf.argsort(keys), dtype)
