"""Statistics of the whole batch, also when it is spread over replicas."""

import tensorflow as tf


def batch_moments(point):
    """Mean and variance [d] of `point` [batch, d] over the batch, on all replicas together.

    Under a `tf.distribute` strategy every replica gets the same numbers, so weights that are set
    from them stay equal. Replicas are taken to have equally many examples.
    """
    mean, variance = tf.nn.moments(point, axes=[0])
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        # By the squares around the common mean, which do not cancel as raw second moments do.
        common = context.all_reduce("mean", mean)
        variance = context.all_reduce("mean", variance + (mean - common) ** 2)
        mean = common
    return mean, variance
