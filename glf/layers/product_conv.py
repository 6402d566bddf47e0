"""Convolutions of few features as matrix products, which XLA does faster on a CPU.

XLA computes a convolution's gradients on a CPU by convolutions of transposed copies. Where a kernel
has few inputs or few outputs, all its places at once make one matrix product of a good size, and
its gradients two more. Nothing changes but the order of sums.
"""

import tensorflow as tf

from glf.core.fused import is_for_xla_on_cpu
from glf.layers.same_product_conv import same_by_products


def valid_conv(h, kernel, stride=1):
    """`tf.nn.conv2d(h, kernel, stride, "VALID")`, as products where that is the faster way."""
    known = h.shape[1:].is_fully_defined()
    if is_for_xla_on_cpu() and stride == 1 and known and gains_by_products(kernel):
        return convolved_by_products(h, kernel)
    return tf.nn.conv2d(h, kernel, stride, "VALID")


def same_conv(h, kernel):
    """`tf.nn.conv2d(h, kernel, 1, "SAME")`, of an odd kernel, in the same ways."""
    known = h.shape[1:].is_fully_defined()
    if is_for_xla_on_cpu() and known and gains_by_products(kernel):
        return same_by_products(h, kernel)
    return tf.nn.conv2d(h, kernel, 1, "SAME")


def gains_by_products(kernel):
    """Whether a kernel [rows, columns, inputs, outputs] is one that gains; one of 1 x 1 does."""
    rows, columns, inputs, outputs = kernel.shape
    return rows * columns == 1 or 2 * min(inputs, outputs) <= max(inputs, outputs)


def convolved_by_products(h, kernel):
    """`tf.nn.conv2d(h, kernel, 1, "VALID")` of images of known height and width.

    With few inputs every pixel is given those of its neighbours and multiplied by the kernel as one
    matrix; with few outputs it is multiplied first, and what it gives to its neighbours is handed
    to them.
    """
    rows, columns, inputs, outputs = kernel.shape
    if rows * columns == 1:
        return _shaped(_flat(h) @ kernel[0, 0], h.shape[1], h.shape[2])
    return (_of_few_inputs if inputs <= outputs else _of_few_outputs)(h, kernel)


@tf.custom_gradient
def _of_few_inputs(h, kernel):
    rows, columns, inputs, outputs = kernel.shape
    height, width = h.shape[1] - rows + 1, h.shape[2] - columns + 1
    matrix = tf.reshape(kernel, (rows * columns * inputs, outputs))
    around = _flat(_gathered(h, rows, columns))

    def gradient(upstream):
        upstream = _flat(upstream)
        given = _shaped(tf.matmul(upstream, matrix, transpose_b=True), height, width)
        of_kernel = tf.matmul(around, upstream, transpose_a=True)
        given = _handed_out(_padded(given, rows - 1, columns - 1), rows, columns)
        return given, tf.reshape(of_kernel, kernel.shape)

    return _shaped(around @ matrix, height, width), gradient


@tf.custom_gradient
def _of_few_outputs(h, kernel):
    rows, columns, inputs, outputs = kernel.shape
    # A pixel's place in its neighbour's kernel is opposite to the neighbour's in its own.
    turned = tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))
    matrix, pixels = tf.reshape(turned, (rows * columns * outputs, inputs)), _flat(h)

    def gradient(upstream):
        around = _flat(_gathered(_padded(upstream, rows - 1, columns - 1), rows, columns))
        of_matrix = tf.matmul(around, pixels, transpose_a=True)
        of_kernel = tf.reshape(of_matrix, (rows, columns, outputs, inputs))
        of_kernel = tf.reverse(tf.transpose(of_kernel, (0, 1, 3, 2)), (0, 1))
        return _shaped(around @ matrix, h.shape[1], h.shape[2]), of_kernel

    given = _shaped(tf.matmul(pixels, matrix, transpose_b=True), h.shape[1], h.shape[2])
    return _handed_out(given, rows, columns), gradient


def _gathered(x, rows, columns):
    """At every place of a window of so many rows and columns, the features of all its pixels."""
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    places = [(i, j) for i in range(rows) for j in range(columns)]
    return tf.concat([x[:, i : i + height, j : j + width] for i, j in places], axis=-1)


def _handed_out(x, rows, columns):
    """The sums of what the pixels of each window have for it, theirs for the opposite place."""
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    features, parts = x.shape[3] // (rows * columns), []
    for place in range(rows * columns):
        top, left = rows - 1 - place // columns, columns - 1 - place % columns
        part = x[:, top : top + height, left : left + width]
        parts.append(part[..., place * features : (place + 1) * features])
    return tf.add_n(parts)


def _padded(x, rows, columns):
    """Zeros around the images: so many rows above and below, columns left and right."""
    height, width = x.shape[1:3]

    # The gradient of `tf.pad` is given the paddings as a tensor. Where that is done in a function
    # of its own, XLA takes them for a constant that may be another one, and compiles every time.
    @tf.custom_gradient
    def pad(x):
        def gradient(upstream):
            return upstream[:, rows : rows + height, columns : columns + width]

        return tf.pad(x, ([0, 0], [rows, rows], [columns, columns], [0, 0])), gradient

    return pad(x)


def _flat(x):
    return tf.reshape(x, (-1, x.shape[-1]))


def _shaped(flat, height, width):
    return tf.reshape(flat, (-1, height, width, flat.shape[-1]))
