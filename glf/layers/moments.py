"""Statistics of the whole batch, also when it is spread over replicas."""

import math

import tensorflow as tf


def num_replicas():
    """How many replicas a `tf.distribute` strategy runs this code on; 1 outside of one."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def set_once(flag, values):
    """Sets weights by data, and never again.

    Args:
      flag: a weight [] that is 0 until then, and 1 from then on.
      values: function without arguments that gives pairs of a weight and its value.
    """
    done = flag.value > 0

    def assign(keep):
        for weight, value in values():
            weight.assign(tf.where(done, weight.value, value) if keep else value)
        flag.assign(1.0)

    if num_replicas() > 1:
        # Replicas may not reduce within a branch: they always do, and keep what they had.
        assign(keep=True)
    else:
        tf.cond(done, lambda: None, lambda: assign(keep=False))


def check_spread(point, axes, owner, advice):
    """Checks that there is more than one value to take a variance over, where that is known.

    Raises:
      ValueError: if a mean and a variance are to be made of one value each.
    """
    values = num_replicas() * math.prod(point.shape[axis] or 2 for axis in axes)
    if values == 1:
        raise ValueError(
            f"{owner} takes a mean and a variance over its batch; got a batch of one example, "
            f"which has no variance. {advice}"
        )


def batch_moments(point, axes=(0,)):
    """Mean and variance of `point` over `axes`, on all replicas together.

    `axes` are the leading ones, the batch among them; the others are left. Under a
    `tf.distribute` strategy every replica gets the same numbers, so weights that are set from
    them stay equal. Replicas are taken to have equally many examples.
    """
    mean, variance = tf.nn.moments(point, axes=list(axes))
    if num_replicas() > 1:
        context = tf.distribute.get_replica_context()
        # By the squares around the common mean, which do not cancel as raw second moments do.
        common = context.all_reduce("mean", mean)
        variance = context.all_reduce("mean", variance + (mean - common) ** 2)
        mean = common
    return mean, variance
