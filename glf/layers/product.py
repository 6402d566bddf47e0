"""Products of features and kernels, whose kernels' gradients XLA makes slowly on a CPU.

A kernel's gradient is hᵀ g, summed over all places of a batch. Of a narrow g, far fewer columns
than h has, XLA's product takes two to five times as long on a CPU as gᵀ h, which is its transpose.
Nothing changes but the order of sums.
"""

import tensorflow as tf

from glf.core.fused import is_for_xla_on_cpu

# The most columns at which the transpose was seen to be faster; of 256 it no longer was.
WIDEST = 128


def product(h, kernel):
    """h @ kernel, of features h [..., n] and a kernel [n, m]: [..., m]."""
    known = kernel.shape.is_fully_defined()
    if is_for_xla_on_cpu() and known and _is_narrow(*kernel.shape):
        return of_all_places(h, kernel)
    return tf.matmul(h, kernel)


@tf.custom_gradient
def of_all_places(h, kernel):
    """The features of every place, [..., n], times a kernel of known shape [n, m]: [..., m].

    TensorFlow's product; but the kernel's gradient is one product of all places, where TensorFlow
    makes one for each sequence of a batch and adds them.
    """
    sizes = tuple(kernel.shape)
    sum_over_places = kernel_gradient(*sizes)

    def gradient(upstream):
        places, back = (tf.reshape(t, (-1, n)) for t, n in zip((h, upstream), sizes, strict=True))
        return tf.matmul(upstream, kernel, transpose_b=True), sum_over_places(places, back)

    return tf.matmul(h, kernel), gradient


def kernel_gradient(inputs, outputs):
    """A function of h [places, inputs] and g [places, outputs] that gives hᵀ g.

    It is to be asked for where the product itself is traced: its gradient may be traced elsewhere.
    """
    if is_for_xla_on_cpu() and _is_narrow(inputs, outputs):
        return _by_transpose
    return lambda h, g: tf.matmul(h, g, transpose_a=True)


def _is_narrow(inputs, outputs):
    return 2 * outputs <= inputs and outputs <= WIDEST


def _by_transpose(h, g):
    # As a batch of one: XLA would make the transpose of a plain product that product again.
    return tf.transpose(tf.matmul(g[None], h[None], transpose_a=True), (0, 2, 1))[0]
