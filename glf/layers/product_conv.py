"""Convolutions of few features as matrix products, which XLA does faster on a CPU.

XLA computes a convolution's gradients on a CPU by convolutions of transposed copies. Where a kernel
has few inputs or few outputs, all its places at once make one matrix product of a good size, and
its gradients two more; one of 1 x 1 is a product anyway. Nothing changes but the order of sums.
"""

import tensorflow as tf

from glf.core.fused import is_for_xla_on_cpu
from glf.layers.product import kernel_gradient, product


def valid_conv(h, kernel, stride=1):
    """`tf.nn.conv2d(h, kernel, stride, "VALID")`; where it pays, one of 1 x 1 as a product."""
    if is_for_xla_on_cpu() and stride == 1 and kernel.shape[:2] == (1, 1) and _is_known(h):
        return same_by_products(h, kernel)
    return tf.nn.conv2d(h, kernel, stride, "VALID")


def same_conv(h, kernel):
    """`tf.nn.conv2d(h, kernel, 1, "SAME")` of an odd kernel; where it pays, as products."""
    if is_for_xla_on_cpu() and gains_by_products(kernel) and _is_known(h):
        return same_by_products(h, kernel)
    return tf.nn.conv2d(h, kernel, 1, "SAME")


def gains_by_products(kernel):
    """Whether a kernel [size, size, inputs, outputs] is one that gains; one of 1 x 1 does."""
    size, width, inputs, outputs = kernel.shape
    return size == width and (size == 1 or 2 * min(inputs, outputs) <= max(inputs, outputs))


def same_by_products(h, kernel):
    """`tf.nn.conv2d(h, kernel, 1, "SAME")` of images of known height and width, an odd kernel.

    With few inputs every pixel is given those of its neighbours and multiplied by the kernel as one
    matrix; with few outputs it is multiplied first, and what it gives to its neighbours is handed
    to them. The padding is within the functions whose gradients are written out here: padded before
    them, XLA made a program of Glow's step that took a thousand times as long.
    """
    if kernel.shape[0] == 1:
        return _like(h, product(_flat(h), kernel[0, 0]))
    few_inputs = kernel.shape[2] <= kernel.shape[3]
    return (_of_few_inputs if few_inputs else _of_few_outputs)(h, kernel)


def _is_known(h):
    return h.shape[1:].is_fully_defined()


@tf.custom_gradient
def _of_few_inputs(h, kernel):
    size, _, inputs, outputs = kernel.shape
    matrix = tf.reshape(kernel, (size * size * inputs, outputs))
    around = _flat(_gathered(h, size))
    sum_over_places = kernel_gradient(*matrix.shape)

    def gradient(upstream):
        upstream = _flat(upstream)
        spread = _like(h, tf.matmul(upstream, matrix, transpose_b=True))
        of_kernel = sum_over_places(around, upstream)
        return _handed_out(spread, size), tf.reshape(of_kernel, kernel.shape)

    return _like(h, around @ matrix), gradient


@tf.custom_gradient
def _of_few_outputs(h, kernel):
    size, _, inputs, outputs = kernel.shape
    # A pixel's place in its neighbour's kernel is opposite to the neighbour's in its own.
    turned = tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))
    matrix, pixels = tf.reshape(turned, (size * size * outputs, inputs)), _flat(h)
    sum_over_places = kernel_gradient(*matrix.shape)

    def gradient(upstream):
        around = _flat(_gathered(upstream, size))
        of_matrix = sum_over_places(around, pixels)
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
