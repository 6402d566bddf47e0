"""What functions of two tensors give, and gradients through it: for functions held side by side."""

import tensorflow as tf


def value_and_gradients(function, a, b):
    """y = function(a, b), and the gradients of sum sin(y) by a and by b."""
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        y = function(a, b)
        loss = tf.reduce_sum(tf.sin(y))
    return y, *tape.gradient(loss, [a, b])
