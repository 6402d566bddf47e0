"""Biases of convolutions, whose gradient XLA would make anew of all that it is a sum of."""

import tensorflow as tf

from glf.core.fused import is_for_xla_on_cpu


def add_bias(y, bias):
    """`tf.nn.bias_add(y, bias)`, for images [batch, height, width, features].

    In programs of XLA for a CPU the bias' gradient, a sum over all places, is a product with ones:
    a sum would be made one with what makes its terms, which is then computed a second time, feature
    by feature. Nothing changes but the order of sums. It gains where long elementwise functions
    come behind convolutions, as in PixelCNN++; in flows, whose maps are small, it does not.
    """
    if not is_for_xla_on_cpu() or y.dtype != tf.float32:
        return tf.nn.bias_add(y, bias)
    return _added(y, bias)


@tf.custom_gradient
def _added(y, bias):
    def gradient(upstream):
        flat = tf.reshape(upstream, (-1, bias.shape[0]))
        ones = tf.ones((1, tf.shape(flat)[0]), flat.dtype)
        return upstream, tf.matmul(ones, flat)[0]

    return tf.nn.bias_add(y, bias), gradient
