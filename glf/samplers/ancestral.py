"""Ancestral sampling: position after position, in order."""

import tensorflow as tf

from glf.autoregressive.view import PixelView, RowsView
from glf.samplers.base import Draft, Sampler
from glf.samplers.certificate import full_pass


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
        if model.network.pixelwise:
            sample, equivalents = _by_pixels, model.groups
        else:
            sample = _by_rows
            equivalents = model.positions * model.network.alignment / model.image_shape[0]

        def loop(noise, context, temperature, known):
            return sample(model, noise, context, temperature, known)

        loop = tf.function(loop, jit_compile=self.jit or None, autograph=False)
        x = loop(noise, context, tf.cast(temperature, noise.dtype), known)
        return _draft(model, x, float(equivalents))


def _by_pixels(model, noise, context, temperature, known):
    height = model.image_shape[0]
    groups = model.groups
    n = tf.shape(noise)[0]

    def row_features(x, row, caches):
        """What the network makes of the rows above: computed once, when the row begins."""
        view = RowsView(
            model.to_images(x),
            model.embed,
            tf.fill([n], row),
            1,
            caches,
            tf.ones([n], tf.int32),
        )
        return list(model.network.rows(view, context)), view.kept

    def decide(x, i, row, column, from_rows, caches):
        new_row = (column == 0) & (i % groups == 0) & (row > 0)
        view = PixelView(model.to_images(x), model.embed, row, column, caches, new_row)
        mine = [
            tf.ensure_shape(
                tf.slice(f, [0, 0, column, 0], [-1, -1, 1, -1]), [None, 1, 1, f.shape[-1]]
            )
            for f in from_rows
        ]
        h = model.network.pixels(view, tuple(mine), context)
        parameters = model.parameters(h)[:, i % groups]
        return _with(model, x, i, parameters, noise, temperature, known), view.kept

    x = _blank(model, noise)
    features, row_caches = _zeros(lambda: row_features(x, 0, None), n)
    caches = _zeros(lambda: decide(x, 0, 0, 0, features, None)[1], n)

    def one_row(row, x, row_caches, caches):
        from_rows, row_caches = row_features(x, row, row_caches)

        def one_position(k, x, caches):
            i = row * model.row_positions + k
            x, caches = decide(x, i, row, k // groups, from_rows, caches)
            return k + 1, x, caches

        _, x, caches = tf.while_loop(
            lambda k, *_: k < model.row_positions,
            one_position,
            (0, x, caches),
            parallel_iterations=1,
        )
        return row + 1, x, row_caches, caches

    _, x, _, _ = tf.while_loop(
        lambda row, *_: row < height, one_row, (0, x, row_caches, caches), parallel_iterations=1
    )
    return x


def _by_rows(model, noise, context, temperature, known):
    rows = model.network.alignment
    block = rows * model.row_positions
    n = tf.shape(noise)[0]

    def decide(x, i, start, caches, shift):
        view = RowsView(
            model.to_images(x), model.embed, tf.fill([n], start), rows, caches, tf.fill([n], shift)
        )
        parameters = model.parameters(model.features(view, context))[:, i - start * block // rows]
        return _with(model, x, i, parameters, noise, temperature, known), view.kept

    x = _blank(model, noise)
    caches = _zeros(lambda: decide(x, 0, 0, None, 0)[1], n)

    def step(i, x, caches):
        begins = (i > 0) & (i % block == 0)
        x, caches = decide(x, i, i // block * rows, caches, tf.where(begins, rows, 0))
        return i + 1, x, caches

    _, x, _ = tf.while_loop(
        lambda i, *_: i < model.positions, step, (0, x, caches), parallel_iterations=1
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


def _zeros(kept, n):
    """Zeros for `n` images of the shapes that `kept` makes, found without computing anything."""
    traced = tf.function(kept, autograph=False).get_concrete_function()
    return tf.nest.map_structure(
        lambda t: tf.zeros([n, *t.shape[1:]], t.dtype), traced.structured_outputs
    )


def _draft(model, x, equivalents):
    """What `x` cost, which was drawn position after position."""
    none = tf.zeros_like(x[:, 0, 0])
    return Draft(
        x=x,
        calls=none + model.positions,
        forward_equivalents=tf.cast(none, tf.float32) + equivalents,
        final_at=tf.range(1, model.positions + 1) + tf.zeros_like(x[..., 0]),
    )
