"""Batch normalisation of networks, by the statistics of a replica or of all of them."""

import keras
import tensorflow as tf

from glf.layers.moments import batch_moments


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, with momentum 0.9 and ε = 1e-5 unless told.

      y = γ (x - m) / sqrt(v + ε) + β

    m and v are mean and variance of the batch in training and their moving averages otherwise
    (Ioffe, Szegedy 2015). Where several replicas share a batch they are those of each one's share,
    or, with `across_replicas`, of the whole batch: v by the squares around its mean, which Keras'
    own synchronised layer takes for a difference of large numbers.
    """

    across_replicas = False

    def __init__(self, momentum=0.9, epsilon=1e-5, **options):
        super().__init__(momentum=momentum, epsilon=epsilon, **options)

    def _moments(self, inputs, mask):
        if self.across_replicas:
            return batch_moments(inputs, self._reduction_axes)
        return super()._moments(inputs, mask)

    def in_inference(self):
        """(a, b) of y = a x + b, what the layer does in inference; in float64."""
        weights = self.gamma, self.beta, self.moving_mean, self.moving_variance
        scale, shift, mean, variance = (
            tf.cast(tf.convert_to_tensor(w.value), tf.float64) for w in weights
        )
        scale /= tf.sqrt(variance + self.epsilon)
        return scale, shift - mean * scale
