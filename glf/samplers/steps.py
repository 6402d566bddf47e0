"""One place after the other: its parameters, from activations kept of the places before it."""

import tensorflow as tf

from glf.autoregressive.view import PixelView, RowsView


class PixelSteps:
    """Pixel after pixel: features that depend on rows above are computed once a row.

    Args:
      model: an `AutoregressiveModel` whose network is `pixelwise`.
      context: as the model has arranged it, or None.
    """

    def __init__(self, model, context=None):
        self.model, self.context = model, context

    @property
    def forward_equivalents(self):
        """What all steps of an image compute, as a multiple of a full pass."""
        return float(self.model.groups)

    def row(self, x, row, kept):
        """What the network makes of the rows above `row`: (features, what to keep).

        Args:
          x: int32 [n, d, v].
          row: its number.
          kept: what the row before kept, or None.
        """
        n = tf.shape(x)[0]
        images, shift = self.model.to_images(x), tf.ones([n], tf.int32)
        view = RowsView(images, self.model.embed, tf.fill([n], row), 1, kept, shift)
        return list(self.model.network.rows(view, self.context)), view.kept

    def parameters(self, x, i, features, kept):
        """Those of place i, [n, P], and what to keep; `features` are those of its row."""
        groups = self.model.groups
        row, place = i // self.model.row_positions, i % self.model.row_positions
        column = place // groups
        new_row = (place == 0) & (row > 0)
        images = self.model.to_images(x)
        view = PixelView(images, self.model.embed, row, column, kept, new_row)
        mine = [
            tf.ensure_shape(
                tf.slice(f, [0, 0, column, 0], [-1, -1, 1, -1]), [None, 1, 1, f.shape[-1]]
            )
            for f in features
        ]
        h = self.model.network.pixels(view, tuple(mine), self.context)
        return self.model.parameters(h)[:, i % groups], view.kept

    def blank(self, x):
        """Zeros of the shapes of what a row, and what a place, keeps."""
        features, of_row = zeros(lambda: self.row(x, 0, None), x)
        return of_row, zeros(lambda: self.parameters(x, 0, features, None)[1], x)


class RowSteps:
    """Place after place, each by computing its row, or as many as the network's alignment asks for.

    Args:
      model: an `AutoregressiveModel`.
      context: as the model has arranged it, or None.
    """

    def __init__(self, model, context=None):
        self.model, self.context = model, context
        self.rows = model.network.alignment

    @property
    def forward_equivalents(self):
        """See `PixelSteps`."""
        return self.model.positions * self.rows / self.model.image_shape[0]

    def parameters(self, x, i, kept):
        """Those of place i of x int32 [n, d, v], [n, P], and what to keep."""
        block = self.rows * self.model.row_positions
        begins = (i > 0) & (i % block == 0)
        return self._at(x, i, i // block * self.rows, kept, tf.where(begins, self.rows, 0))

    def blank(self, x):
        """Zeros of the shapes of what a place keeps."""
        return zeros(lambda: self._at(x, 0, 0, None, 0)[1], x)

    def _at(self, x, i, start, kept, shift):
        n, row_positions = tf.shape(x)[0], self.model.row_positions
        starts, shifts = tf.fill([n], start), tf.fill([n], shift)
        images = self.model.to_images(x)
        view = RowsView(images, self.model.embed, starts, self.rows, kept, shifts)
        h = self.model.features(view, self.context)
        return self.model.parameters(h)[:, i - start * row_positions], view.kept


def steps_of(model, context=None):
    """`PixelSteps` where the network can compute a single pixel, else `RowSteps`."""
    return (PixelSteps if model.network.pixelwise else RowSteps)(model, context)


def zeros(kept, x):
    """Zeros for as many images as x, of the shapes that `kept` makes, found in a trace alone."""
    traced = tf.function(kept, autograph=False).get_concrete_function()
    n = tf.shape(x)[0]
    return tf.nest.map_structure(
        lambda t: tf.zeros([n, *t.shape[1:]], t.dtype), traced.structured_outputs
    )
