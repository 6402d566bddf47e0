"""Context: the features of a condition, as maps that fit images of any size.

A context has the shape [batch, H or 1, W or 1, features]. With 1 x 1 positions it says the same
everywhere (a class); with more it is about places (another image).
"""

import tensorflow as tf


def context_features(condition_shape):
    """The number of features of a context of shape `condition_shape`; 0 for None.

    Raises:
      ValueError: if it is not the shape of a context.
    """
    if condition_shape is None:
        return 0
    if len(condition_shape) != 4 or not all(condition_shape[1:]):
        raise ValueError(
            "Parts of images take conditions of shape [None, height or 1, width or 1, features], "
            f"got {tuple(condition_shape)}; a vector [batch, c] becomes one by reshaping to "
            "[batch, 1, 1, c]."
        )
    return condition_shape[-1]


def fit_context(context, height, width):
    """A context for an image of `height` x `width` positions: [batch, height, width, features].

    A side of 1 is repeated, a larger one is averaged over blocks.

    Raises:
      ValueError: if a side of the context is neither 1 nor a multiple of the image's.
    """
    rows, columns = context.shape[1:3]
    for side, wanted in ((rows, height), (columns, width)):
        if side != 1 and side % wanted:
            raise ValueError(
                f"A context of {rows} x {columns} does not fit {height} x {width} positions: each "
                "of its sides must be 1 or a multiple."
            )
    blocks = (max(rows // height, 1), max(columns // width, 1))
    if blocks != (1, 1):
        context = tf.nn.avg_pool2d(context, blocks, blocks, "VALID")
    repeats = (height if rows == 1 else 1, width if columns == 1 else 1)
    if repeats != (1, 1):
        context = tf.tile(context, [1, *repeats, 1])
    return context


def with_context(h, context):
    """Features h [batch, height, width, n], and behind them those of a context, if there is one."""
    if context is None:
        return h
    fitted = fit_context(tf.cast(context, h.dtype), *h.shape[1:3])
    return tf.concat([h, fitted], axis=-1)


def with_context_in_groups(h, context, groups):
    """Features in equal groups, and behind those of each group the same context, if there is one.

    [batch, height, width, groups n] to [batch, height, width, groups (n + features)].
    """
    if context is None or groups == 1:
        return with_context(h, context)
    fitted = fit_context(tf.cast(context, h.dtype), *h.shape[1:3])
    each = tf.repeat(fitted[..., None, :], groups, axis=3)
    return flat(tf.concat([grouped(h, groups), each], axis=-1))


def grouped(h, groups):
    """Equal groups of channels as an axis: [..., groups n] to [..., groups, n]."""
    *places, features = h.shape[1:]
    return tf.reshape(h, (-1, *places, groups, features // groups))


def flat(h):
    """The way back of `grouped`: [..., groups, n] to [..., groups n]."""
    *places, groups, features = h.shape[1:]
    return tf.reshape(h, (-1, *places, groups * features))
