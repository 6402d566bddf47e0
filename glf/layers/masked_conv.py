"""An autoregressive convolution over raster order, and the exact solution of its equations."""

import keras
import numpy as np
import tensorflow as tf

from glf.layers.linear_solve import solve_linear


class AutoregressiveConv(keras.layers.Layer):
    """u = A y: a zero-padded convolution whose matrix A is triangular.

    u at one place depends on y there and in the square of p + 1 by p + 1 places, p = ⌊k / 2⌋, that
    ends there: p rows up and p columns to the left ("down and to the right" with reverse=True). At
    the place itself it depends on its own channel and those before it ("after it"). So A is
    triangular in raster order, channels innermost, and one such convolution after one of the
    opposite order is as wide and high as k x k. The own value enters with the factor exp(s), s
    learned for every channel with |s| < 3, so log|det A| = h w Σ s. A starts near the identity.

    `solve` goes through the rows in one loop of h steps: what earlier rows add is subtracted, and
    what is left of the row is multiplied by the inverse of the triangular (w c) x (w c) matrix
    that stands for the convolution within one row, the same for all rows; ⌊k / 2⌋ + 1 matrices
    of this size are made. The solution is exact up to rounding. Rounding errors are carried along
    with the values: where the weights of earlier places far outweigh exp(s), they grow from pixel
    to pixel, as the solution itself does.

    Args:
      channels: c.
      kernel_size: k, odd: the side of the kernel whose half this is.
      reverse: whether the order is the opposite one, from the last row, column and channel.

    Raises:
      ValueError: for an even kernel.
    """

    max_log_scale = 3.0

    def __init__(self, channels, kernel_size=3, reverse=False, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"AutoregressiveConv needs an odd kernel_size, got {kernel_size}.")
        self.channels = channels
        self.kernel_size = kernel_size
        self.reverse = reverse
        self.pad = kernel_size // 2
        # The own place is the last one.
        shape = (self.pad + 1, self.pad + 1, channels, channels)
        self.mask = np.ones(shape)
        self.mask[-1, -1] = np.triu(np.ones(shape[2:]), 1)
        self.off_diagonal = self.add_weight(
            name="off_diagonal",
            shape=shape,
            initializer=keras.initializers.RandomNormal(
                stddev=0.05 / (kernel_size * channels**0.5)
            ),
        )
        self.log_scale = self.add_weight(name="log_scale", shape=(channels,), initializer="zeros")
        self.built = True

    def log_scales(self):
        """s [channels]."""
        bound = self.max_log_scale
        return bound * tf.tanh(self.log_scale.value / bound)

    def log_abs_det(self):
        """Σ s, the part of one pixel in log|det A|: a scalar in float64."""
        return tf.reduce_sum(tf.cast(self.log_scales(), tf.float64))

    def kernel(self):
        """The kernel [p + 1, p + 1, c, c] of raster order; the own place is the last one."""
        own = np.zeros((*self.mask.shape[:2], 1, 1))
        own[-1, -1] = 1
        masked = self.off_diagonal.value * tf.constant(self.mask, self.compute_dtype)
        return masked + tf.constant(own, self.compute_dtype) * tf.linalg.diag(
            tf.exp(self.log_scales())
        )

    def convolve(self, y):
        """u = A y, both [batch, h, w, c]."""
        return self._convolve(self.kernel(), y)

    def solve(self, u):
        """y = A⁻¹ u, both [batch, h, w, c]."""
        kernel = self.kernel()
        own, *above = self._row_matrices(kernel, u.shape[2])
        eye = tf.eye(own.shape[0], dtype=own.dtype)
        matrices = [tf.linalg.triangular_solve(own, eye, lower=False), *above]
        if self.reverse:
            matrices = [tf.reverse(matrix, [0, 1]) for matrix in matrices]

        def solve_transposed(g):
            return _solve_rows(g, [tf.transpose(matrix) for matrix in matrices], not self.reverse)

        return solve_linear(
            self._convolve,
            lambda u: _solve_rows(u, matrices, self.reverse),
            solve_transposed,
            kernel,
            u,
        )

    def _convolve(self, kernel, y):
        # The opposite order is raster order seen from the other end of all three axes.
        before = (0, self.pad) if self.reverse else (self.pad, 0)
        if self.reverse:
            kernel = tf.reverse(kernel, [0, 1, 2, 3])
        padding = [(0, 0), before, before, (0, 0)]
        return tf.nn.conv2d(tf.pad(y, padding), kernel, 1, "VALID")

    def _row_matrices(self, kernel, width):
        """Matrices T_0 ... T_p [w c, w c] with u_i = Σ_d y_{i-d} T_d for the flattened rows."""
        offset = np.arange(width)[:, None] - np.arange(width) + self.pad
        places = offset == np.arange(self.pad + 1)[:, None, None]
        blocks = tf.einsum("bij,dbmo->dimjo", tf.constant(places, kernel.dtype), kernel)
        size = width * self.channels
        return tf.unstack(tf.reshape(blocks, (-1, size, size)))[::-1]


def _solve_rows(u, matrices, backwards):
    """Solves u_i = y_i T_0 + Σ_{d>0} y_{i-d} T_d row by row, given T_0⁻¹ and the T_d.

    Args:
      u: [batch, h, w, c].
      matrices: T_0⁻¹, T_1, ..., T_p, each [w c, w c].
      backwards: whether the rows count from the last one: y_{i+d} instead of y_{i-d}.
    """
    inverse, *others = matrices
    _, height, width, channels = u.shape
    rows = tf.reshape(u, (-1, height, width * channels))
    before = (tf.zeros_like(rows[:, 0]),) * len(others)
    solved = tf.TensorArray(rows.dtype, height, element_shape=before[0].shape if before else None)

    def step(i, solved, before):
        at = height - 1 - i if backwards else i
        rest = tf.gather(rows, at, axis=1)
        for row, matrix in zip(before, others, strict=True):
            rest -= row @ matrix
        y = rest @ inverse
        return i + 1, solved.write(at, y), (y, *before)[: len(before)]

    _, solved, _ = tf.while_loop(lambda i, *_: i < height, step, (0, solved, before))
    return tf.reshape(tf.transpose(solved.stack(), (1, 0, 2)), (-1, height, width, channels))
