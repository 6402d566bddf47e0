"""Gated units of features that come in groups."""

import tensorflow as tf


def split_groups(h, parts, groups=1):
    """Splits each of `groups` equal parts of h's features into `parts`.

    [..., groups * parts * f] to a list of `parts` tensors [..., groups * f], so that what one group
    of features is made of stays within that group.
    """
    pieces = tf.split(h, groups * parts, -1)
    return [pieces[i] if groups == 1 else tf.concat(pieces[i::parts], -1) for i in range(parts)]


def gated(h, groups=1):
    """tanh(a) * sigmoid(b), a and b the two halves of each group of h's features.

    The unit of van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders",
    equation 2. [..., 2 f] to [..., f].
    """
    a, b = split_groups(h, 2, groups)
    return tf.tanh(a) * tf.sigmoid(b)
