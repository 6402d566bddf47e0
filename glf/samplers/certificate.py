"""The last full pass, which every sampler ends with."""

import typing

import tensorflow as tf

from glf.autoregressive.view import WholeView


class Certificate(typing.NamedTuple):
    """What `certify` found.

    Attributes:
      x: int32 [n, d, v], the samples, mended.
      certified: bool [n], whether the last pass gave back x itself.
      mended: int32 [n], values in which x is not what was to be checked.
      mending_passes: int32 [n], passes beyond the first that this took.
    """

    x: tf.Tensor
    certified: tf.Tensor
    mended: tf.Tensor
    mending_passes: tf.Tensor


def full_pass(model, noise, context, temperature, known):
    """A function of x: every position decided from those before it in x, int32 [n, d, v].

    It is an XLA program of its own, the same wherever it is used, so that its bits are the same.
    """

    def propose(x, noise, context, temperature, known):
        view = WholeView(model.to_images(x), model.embed)
        parameters = model.parameters(model.features(view, context))
        return model.family.decide(parameters, noise, temperature, known)

    propose = tf.function(propose, jit_compile=True, autograph=False)
    temperature = tf.cast(temperature, noise.dtype)
    return lambda x: propose(x, noise, context, temperature, known)


def certify(model, x, noise, context, temperature, known):
    """Checks that x is what a full pass makes of x, and mends it where it is not.

    A sampler that computes parts of an image rounds otherwise than a full pass does, by some 1e-6
    in the logits, so that once in many thousand values the two may disagree on the largest. The
    full pass is the reference: from the first disagreement on, x is iterated to its fixed point,
    which is unique, because each value depends only on those before it. So x is right in the end
    whatever came; whether what came was right, `mended` says. One value that is mended changes
    those that come after it, so that they come in whole tails of an image, not one by one.

    Returns a `Certificate`.
    """
    drawn = x
    limit = model.positions + 1
    propose = full_pass(model, noise, context, temperature, known)

    def more(i, x, certified, passes):
        return (i < limit) & tf.logical_not(tf.reduce_all(certified))

    def check(i, x, certified, passes):
        y = propose(x)
        passes += tf.cast((i > 0) & tf.logical_not(certified), tf.int32)
        return i + 1, y, tf.reduce_all(x == y, axis=[1, 2]), passes

    none = tf.zeros([tf.shape(x)[0]], tf.int32)
    _, x, certified, passes = tf.while_loop(
        more, check, (0, x, none > 0, none), parallel_iterations=1
    )
    mended = tf.reduce_sum(tf.cast(x != drawn, tf.int32), axis=[1, 2])
    return Certificate(x, certified, mended, passes)
