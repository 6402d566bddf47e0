"""Ancestral sampling: position after position, in order."""

import tensorflow as tf

from glf.samplers.base import Draft, Sampler
from glf.samplers.certificate import full_pass
from glf.samplers.steps import PixelSteps, steps_of


class Ancestral(Sampler):
    """x_i from p(x_i | x_<i) for i = 1, ..., d: d full passes, of each of which one value is used.

    The definition that every other sampler is held to.
    """

    def draw(self, model, noise, context, temperature, known):
        """See `Sampler`."""
        d = model.positions
        propose = full_pass(model, noise, context, temperature, known)

        def step(i, x):
            return i + 1, tf.where((tf.range(d) == i)[:, None], propose(x), x)

        x = _blank(model, noise)
        _, x = tf.while_loop(lambda i, _: i < d, step, (0, x), parallel_iterations=1)
        return _draft(model, x, float(d))


class CachedAncestral(Sampler):
    """Ancestral sampling that computes no activation twice (Ramachandran et al. 2017).

    Each of the d calls computes one pixel, from activations kept of the rows above and the pixels
    to the left; features that only depend on rows above are computed once a row. Networks that
    cannot compute a single pixel compute its row, or as many rows as their alignment asks for.

    Args:
      jit: whether the loop is one XLA program.
    """

    def __init__(self, jit=True):
        self.jit = jit

    def draw(self, model, noise, context, temperature, known):
        """See `Sampler`."""
        steps = steps_of(model, context)
        sample = _by_pixels if isinstance(steps, PixelSteps) else _by_rows

        def loop(noise, context, temperature, known):
            return sample(steps_of(model, context), noise, temperature, known)

        loop = tf.function(loop, jit_compile=self.jit or None, autograph=False)
        x = loop(noise, context, tf.cast(temperature, noise.dtype), known)
        return _draft(model, x, steps.forward_equivalents)


def _by_pixels(steps, noise, temperature, known):
    model = steps.model
    x = _blank(model, noise)
    row_caches, caches = steps.blank(x)

    def one_row(row, x, row_caches, caches):
        features, row_caches = steps.row(x, row, row_caches)

        def one_position(k, x, caches):
            i = row * model.row_positions + k
            parameters, caches = steps.parameters(x, i, features, caches)
            return k + 1, _with(model, x, i, parameters, noise, temperature, known), caches

        _, x, caches = tf.while_loop(
            lambda k, *_: k < model.row_positions,
            one_position,
            (0, x, caches),
            parallel_iterations=1,
        )
        return row + 1, x, row_caches, caches

    _, x, _, _ = tf.while_loop(
        lambda row, *_: row < model.image_shape[0],
        one_row,
        (0, x, row_caches, caches),
        parallel_iterations=1,
    )
    return x


def _by_rows(steps, noise, temperature, known):
    model = steps.model

    def step(i, x, caches):
        parameters, caches = steps.parameters(x, i, caches)
        return i + 1, _with(model, x, i, parameters, noise, temperature, known), caches

    x = _blank(model, noise)
    _, x, _ = tf.while_loop(
        lambda i, *_: i < model.positions, step, (0, x, steps.blank(x)), parallel_iterations=1
    )
    return x


def _with(model, x, i, parameters, noise, temperature, known):
    """x with the value of position i."""
    known = None if known is None else known[:, i]
    value = model.family.decide(parameters, noise[:, i], temperature, known)
    here = tf.range(model.positions) == i
    return tf.where(here[:, None], value[:, None], x)


def _blank(model, noise):
    return tf.zeros([tf.shape(noise)[0], model.positions, model.family.values], tf.int32)


def _draft(model, x, equivalents):
    """What `x` cost, which was drawn position after position."""
    none = tf.zeros_like(x[:, 0, 0])
    return Draft(
        x=x,
        calls=none + model.positions,
        forward_equivalents=tf.cast(none, tf.float32) + equivalents,
        final_at=tf.range(1, model.positions + 1) + tf.zeros_like(x[..., 0]),
    )
