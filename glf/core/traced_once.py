"""Functions that many layers of one graph share."""

import functools

import tensorflow as tf

from glf.core.fused import is_for_xla_on_cpu

# {(function, whether for XLA on a CPU): what is traced of it}. Whoever makes TensorFlow forget
# custom gradients, which it keeps for good with their graphs, empties it, too.
TRACED = {}


def traced_once(function):
    """Makes a function of tensors one that graphs call instead of holding a copy for every call.

    A graph's operations are made one by one in Python, and those of its gradient again; a flow of
    many equal steps makes the same ones over and over. Decorated by this, what the steps have in
    common is traced at the first call with arguments of these shapes and types, its gradient too,
    and then called. Compilers and the runtime put the body in the call's place: nothing changes
    but the time of tracing. Without a graph the function is called as it is.

    Args:
      function: takes tensors, nested tuples of them, and numbers, each of which is traced by
        itself; uses nothing else that is a tensor or changes: no variables, no generators. What is
        traced for XLA on a CPU (`glf.core.fused`) is traced by itself.
    """

    @functools.wraps(function)
    def call(*tensors):
        if tf.executing_eagerly():
            return function(*tensors)
        key = (function, is_for_xla_on_cpu())
        if key not in TRACED:
            TRACED.setdefault(key, tf.function(function, autograph=False))
        return TRACED[key](*tensors)

    return call


def values(*weights):
    """The present values of Keras weights, as a tuple of tensors."""
    return tuple(tf.convert_to_tensor(weight.value) for weight in weights)
