"""Views of an image: positions that a pass computes, and where it finds what is about them.

A causal network is written once, against a view. The same lines then compute a whole image at once
(`WholeView`), a window of rows below what is final (`RowsView`), or one pixel (`PixelView`); the
latter two keep, for each convolution, the few rows of its input that the next pass needs.
"""

import abc
import contextlib

import tensorflow as tf

from glf.core import random


class View(abc.ABC):
    """Some positions of images x [n, height, width, channels].

    Args:
      x: the integers, int32; nothing after the positions that are computed is looked at by a
        causal network.
      embed: maps integers [..., channels] to features [..., f]; outside of the image features are
        zero.

    Attributes:
      seed: the seed of `dropout`; None outside of training.
    """

    seed = None

    def __init__(self, x, embed):
        self.x = x
        self.embed = embed
        self.height, self.width = x.shape[1:3]

    @abc.abstractmethod
    def data(self, above, left, right, ones=False):
        """Features of x at the view's positions and around them, zero outside of the image.

        Shape [n, above + rows, left + columns + right, f]; with `ones` one feature more, which is 1
        inside of the image, so that its borders can be told from zeros.
        """

    @abc.abstractmethod
    def around(self, h, above, left, right, scale=1):
        """Puts around h the activations above and beside it, zero outside of the image.

        [n, rows, columns, f] to [n, above + rows, left + columns + right, f]. `scale` is by how
        much h is smaller than the image, in rows.
        """

    @abc.abstractmethod
    def delayed(self, h, rows, scale=1):
        """h as it is `rows` rows further up, zero outside of the image; the shape of h."""

    @abc.abstractmethod
    def crop(self, context):
        """The part of `context` [n, 1 or height, 1 or width, f] at the view's positions."""

    def _features(self, x, ones):
        """What `data` puts at positions inside of the image."""
        h = self.embed(x)
        return tf.concat([h, tf.ones_like(h[..., :1])], -1) if ones else h

    @property
    def state(self):
        """What the seeds of dropout come from; None outside of training."""
        return self.seed

    @contextlib.contextmanager
    def at(self, state):
        """Gives in the block the seeds that it gave from a `state` on."""
        now, self.seed = self.seed, state
        try:
            yield
        finally:
            self.seed = now

    def dropout(self, h, rate):
        """Sets features to zero with probability `rate` and scales the others; in training only."""
        if self.seed is None or not rate:
            return h
        self.seed = random.fold(self.seed, "dropout")
        kept = random.uniform(tf.shape(h), self.seed) >= rate
        return tf.where(kept, h / (1 - rate), tf.zeros([], h.dtype))


class WholeView(View):
    """All positions.

    Args:
      x: as for `View`.
      embed: as for `View`.
      seed: seed of dropout, in training.
    """

    def __init__(self, x, embed, seed=None):
        super().__init__(x, embed)
        self.seed = seed

    def data(self, above, left, right, ones=False):
        """See `View`."""
        return _pad(self._features(self.x, ones), above, left, right)

    def around(self, h, above, left, right, scale=1):
        """See `View`."""
        return _pad(h, above, left, right)

    def delayed(self, h, rows, scale=1):
        """See `View`."""
        return _pad(h, rows, 0, 0)[:, : h.shape[1]]

    def crop(self, context):
        """See `View`."""
        return context

    def halo(self, like, above, scale=1):
        """See `RowsView.halo`: above the image there is nothing."""
        return tf.zeros_like(like[:, :1]) + tf.zeros([above, 1, 1], like.dtype)

    def keep(self, h):
        """See `RowsView.keep`: nothing is needed later."""


class RowsView(View):
    """A window of rows, which may start elsewhere in each image.

    Args:
      x: as for `View`.
      embed: as for `View`.
      starts: int32 [n], the first row of each window; the window lies within the image.
      rows: how many rows.
      caches: the `kept` of the pass before, or None at the first one, which begins at row 0.
      shift: int32 [n], by how many rows the windows have moved down since, at most `rows`.

    Attributes:
      kept: one tensor for each convolution that looks up, [n, above + rows, columns, f]; all that
        the next pass needs of this one.
    """

    def __init__(self, x, embed, starts, rows, caches=None, shift=None):
        super().__init__(x, embed)
        self.starts, self.rows = starts, rows
        self._caches = None if caches is None else iter(caches)
        self._shift = shift
        self.kept = []

    def data(self, above, left, right, ones=False):
        """See `View`."""
        rows = take_rows(
            tf.pad(self.x, [[0, 0], [above, 0], [0, 0], [0, 0]], constant_values=-1),
            self.starts,
            above + self.rows,
        )
        features = self._features(tf.maximum(rows, 0), ones)
        inside = tf.cast(rows[..., :1] >= 0, features.dtype)
        return _pad(features * inside, 0, left, right)

    def around(self, h, above, left, right, scale=1):
        """See `View`."""
        if above:
            h = tf.concat([self.halo(h, above, scale), h], axis=1)
            self.keep(h)
        return _pad(h, 0, left, right)

    def delayed(self, h, rows, scale=1):
        """See `View`."""
        longer = tf.concat([self.halo(h, rows, scale), h], axis=1)
        self.keep(longer)
        return longer[:, : h.shape[1]]

    def crop(self, context):
        """See `View`."""
        return context if context.shape[1] == 1 else take_rows(context, self.starts, self.rows)

    def halo(self, like, above, scale=1):
        """The `above` rows that lie over the window, of what was last given to `keep` here.

        For layers with a state in rows; zeros at the first pass. `like` has the shape [n, rows,
        columns, f] of the window itself.
        """
        if self._caches is None:
            return tf.zeros_like(like[:, :1]) + tf.zeros([above, 1, 1], like.dtype)
        return take_rows(next(self._caches), self._shift // scale, above)

    def keep(self, h):
        """Keeps [n, above + rows, columns, f] for the next pass; one call for each `halo`."""
        self.kept.append(h)


class PixelView(View):
    """One pixel, the same in each image, in raster order.

    Args:
      x: as for `View`.
      embed: as for `View`.
      row: int32 scalar.
      column: int32 scalar.
      caches: the `kept` of the pass before, or None at the first.
      new_row: bool scalar, whether the pass before was of a pixel in the row above.

    Attributes:
      kept: one tensor for each convolution that looks around, [n, above + 1, left + width + right,
        f], or for each delay, [n, rows * width + 1, f].
    """

    def __init__(self, x, embed, row, column, caches=None, new_row=None):
        super().__init__(x, embed)
        self.row, self.column = row, column
        self._caches = None if caches is None else iter(caches)
        self._new_row = new_row
        self.kept = []

    def data(self, above, left, right, ones=False):
        """See `View`."""
        sizes = [-1, above + 1, left + 1 + right, -1]
        margins = [[0, 0], [above, 0], [left, right], [0, 0]]
        near = tf.slice(
            tf.pad(self.x, margins, constant_values=-1), [0, self.row, self.column, 0], sizes
        )
        near = tf.ensure_shape(near, [None, *sizes[1:3], self.x.shape[3]])
        features = self._features(tf.maximum(near, 0), ones)
        return features * tf.cast(near[..., :1] >= 0, features.dtype)

    def around(self, h, above, left, right, scale=1):
        """See `View`."""
        total = left + self.width + right
        if self._caches is None:
            rows = tf.zeros_like(h) + tf.zeros([above + 1, total, 1], h.dtype)
        else:
            rows = next(self._caches)
            moved = tf.pad(rows[:, 1:], [[0, 0], [0, 1], [0, 0], [0, 0]])
            rows = tf.where(self._new_row, moved, rows)
        here = tf.range(total)[:, None] == self.column + left
        here = here & (tf.range(above + 1)[:, None, None] == above)
        rows = tf.where(here, h, rows)
        self.kept.append(rows)
        near = tf.slice(rows, [0, 0, self.column, 0], [-1, -1, left + 1 + right, -1])
        return tf.ensure_shape(near, [None, above + 1, left + 1 + right, h.shape[-1]])

    def delayed(self, h, rows, scale=1):
        """See `View`: from a ring that is written and read in one place, however long it is."""
        places = rows * self.width + 1
        if self._caches is None:
            ring = tf.zeros_like(h[:, 0]) + tf.zeros([places, 1], h.dtype)
        else:
            ring = next(self._caches)
        # Of one more place than the delay, so that a pixel can be computed again.
        now = self.row * self.width + self.column
        n = tf.shape(h)[0]
        where = tf.stack([tf.range(n), tf.fill([n], now % places)], axis=1)
        ring = tf.tensor_scatter_nd_update(ring, where, h[:, 0, 0])
        self.kept.append(ring)
        return tf.gather(ring, (now + 1) % places, axis=1)[:, None, None]

    def crop(self, context):
        """See `View`."""
        if context.shape[1] > 1:
            context = tf.slice(context, [0, self.row, 0, 0], [-1, 1, -1, -1])
        if context.shape[2] > 1:
            context = tf.slice(context, [0, 0, self.column, 0], [-1, -1, 1, -1])
        return tf.ensure_shape(context, [None, 1, 1, context.shape[3]])


def take_rows(h, starts, rows):
    """h[i, starts[i] : starts[i] + rows] of each i: [n, height, ...] to [n, rows, ...]."""
    taken = tf.gather(h, starts[:, None] + tf.range(rows), axis=1, batch_dims=1)
    return tf.ensure_shape(taken, [None, rows, *h.shape[2:]])


def _pad(h, above, left, right):
    if not (above or left or right):
        return h
    return tf.pad(h, [[0, 0], [above, 0], [left, right], [0, 0]])
