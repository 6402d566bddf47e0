"""Blocks whose insides are computed a second time for the gradient instead of being kept."""

import contextlib

import tensorflow as tf


class Rematerialises:
    """A layer that is one block or made of several, which calls them by `rematerialised`.

    In training alone, and if told to.

    Attributes:
      rematerialise: whether it is.
    """

    rematerialise = False


def rematerialised(function, noise, *tensors):
    """`function(*tensors)`, of which only arguments and results are kept for the gradient.

    Chen et al. 2016, arXiv 1604.06174: the gradient calls `function` once more, with the same
    arguments, weights and noise, when its own turn has come, and so needs no more memory than this
    one function does. Values and gradients are the same.

    Args:
      function: of tensors, to a tensor or a tuple of them. It may change no weight in a way that
        another call would change it further.
      noise: what brings it the seeds of dropout, a `glf.core.mode.Training` or a view of
        `glf.autoregressive`: its `state`, and `at(state)`, a block in which it is that again. Other
        values bring none.
      *tensors: its arguments.
    """
    start = getattr(noise, "state", None)

    def gradient(given, upstream, variables):
        as_before = contextlib.nullcontext() if start is None else noise.at(start)
        with as_before, tf.control_dependencies(upstream), tf.GradientTape() as tape:
            again = _not_before(upstream, given)
            tape.watch(again)
            results = function(*again)
        found = tape.gradient(results, [*again, *variables], list(upstream))
        of_given, of_variables = found[: len(given)], found[len(given) :]
        return _not_ahead_of(of_variables, of_given), of_variables

    @tf.custom_gradient
    def run(*given):
        def of_upstream(*upstream, variables=None):
            return gradient(given, upstream, list(variables or ()))

        return function(*given), of_upstream

    return run(*tensors)


def _not_before(upstream, tensors):
    """The tensors, of which no compiler knows that they do not need `upstream`.

    Both XLA and TensorFlow's rewriting of graphs would else compute the same thing only once.
    """
    number = tf.reshape(upstream[0], [-1])[0]
    never = number * number < -1.0
    return [tf.where(never, tf.zeros_like(t), t) for t in tensors]


def _not_ahead_of(others, tensors):
    """The tensors, once the others are there; of either some may be None.

    TensorFlow's executor, where one thread runs operations, takes what has become ready last, and
    so would go down to the first block before it came back for the weights' gradients, for which
    all insides would have to be kept. XLA has an order of its own.
    """
    # A dependency on what a function gives is one on its side effects, as if it gave nothing.
    apart = [tf.identity(other) for other in others if other is not None]
    with tf.control_dependencies(apart):
        return [t if t is None else tf.identity(t) for t in tensors]
