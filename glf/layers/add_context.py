"""A context added to features."""

import keras

from glf.layers.context import context_features, fit_context


class AddContext(keras.layers.Layer):
    """h + V context; h as it is where there is none.

    Args:
      filters: number of features of h.
    """

    def __init__(self, filters, *, dtype=None):
        super().__init__(dtype=dtype)
        self.project = keras.layers.Dense(filters, use_bias=False, dtype=dtype)

    def build(self, condition_shape):
        """Makes V for contexts [None, H or 1, W or 1, n], or nothing for None."""
        if condition_shape is not None:
            self.project.build((None, context_features(condition_shape)))

    def call(self, h, context):
        """h [batch, height, width, filters] to the same shape."""
        if context is None:
            return h
        # What is the same everywhere is projected once and broadcast.
        if tuple(context.shape[1:3]) != (1, 1):
            context = fit_context(context, *h.shape[1:3])
        return h + self.project(context)
