"""Convolutions that keep height and width as matrix products; see `product_conv.py`.

Their padding is within the functions whose gradients are written out here: padded before them, as a
convolution without padding, XLA makes programs of Glow's step that take a thousand times as long.
"""

import tensorflow as tf


def same_by_products(h, kernel):
    """`tf.nn.conv2d(h, kernel, 1, "SAME")` of images of known height and width, an odd kernel."""
    if kernel.shape[0] == 1:
        return _like(h, _flat(h) @ kernel[0, 0])
    few_inputs = kernel.shape[2] <= kernel.shape[3]
    return (_of_few_inputs if few_inputs else _of_few_outputs)(h, kernel)


@tf.custom_gradient
def _of_few_inputs(h, kernel):
    size, _, inputs, outputs = kernel.shape
    matrix = tf.reshape(kernel, (size * size * inputs, outputs))
    around = _flat(_gathered(h, size))

    def gradient(upstream):
        upstream = _flat(upstream)
        spread = _like(h, tf.matmul(upstream, matrix, transpose_b=True))
        of_kernel = tf.matmul(around, upstream, transpose_a=True)
        return _handed_out(spread, size), tf.reshape(of_kernel, kernel.shape)

    return _like(h, around @ matrix), gradient


@tf.custom_gradient
def _of_few_outputs(h, kernel):
    size, _, inputs, outputs = kernel.shape
    # A pixel's place in its neighbour's kernel is opposite to the neighbour's in its own.
    turned = tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))
    matrix, pixels = tf.reshape(turned, (size * size * outputs, inputs)), _flat(h)

    def gradient(upstream):
        around = _flat(_gathered(upstream, size))
        of_matrix = tf.matmul(around, pixels, transpose_a=True)
        of_kernel = tf.reshape(of_matrix, (size, size, outputs, inputs))
        of_kernel = tf.reverse(tf.transpose(of_kernel, (0, 1, 3, 2)), (0, 1))
        return _like(h, around @ matrix), of_kernel

    spread = _like(h, tf.matmul(pixels, matrix, transpose_b=True))
    return _handed_out(spread, size), gradient


def _gathered(x, size):
    """Of every pixel the features of its size² neighbours, 0 beyond the edge, row by row."""
    height, width = x.shape[1:3]
    padded = _padded(x, size)
    places = [(i, j) for i in range(size) for j in range(size)]
    return tf.concat([padded[:, i : i + height, j : j + width] for i, j in places], axis=-1)


def _handed_out(x, size):
    """The transpose of `_gathered`: the sum of what a pixel's neighbours have for it."""
    height, width, features = x.shape[1:]
    features, padded, parts = features // size**2, _padded(x, size), []
    for place in range(size * size):
        top, left = size - 1 - place // size, size - 1 - place % size
        part = padded[:, top : top + height, left : left + width]
        parts.append(part[..., place * features : (place + 1) * features])
    return tf.add_n(parts)


def _padded(x, size):
    around = [size // 2, size // 2]
    return tf.pad(x, ([0, 0], around, around, [0, 0]))


def _flat(x):
    return tf.reshape(x, (-1, x.shape[-1]))


def _like(h, flat):
    return tf.reshape(flat, (-1, *h.shape[1:3], flat.shape[-1]))
