"""Periodic convolutions: circular, with all channels mixed, inverted by the Fourier transform."""

import keras
import numpy as np
import tensorflow as tf

from glf.bijectors.base import ImageBijector, same_for_all
from glf.bijectors.conditioning import LearnedMatrix
from glf.layers.complex_inverse import log_abs_det_and_inverse
from glf.layers.linear_solve import solve_linear


class PeriodicConv(ImageBijector, LearnedMatrix):
    """u_ij = Σ_ab K_abᵀ y_{i+a-p, j+b-p}, indices modulo h and w: a circular k x k convolution.

    The Fourier transform over h and w takes it apart into one complex c x c matrix for every
    frequency f, K̂(f) = Σ_ab K_ab exp(2πi (f_h (a - p) / h + f_w (b - p) / w)), and so

      log|det du/dy| = Σ_f log|det K̂(f)|

    over all h w frequencies (Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for
    Generative Normalizing Flows"; Karami et al. 2019, "Invertible Convolutional Flow"). A real
    image has conjugate values at f and -f, so about half of them are computed; the others count
    through weights of 2. The density takes one ordinary convolution and c x c determinants in
    double precision; sampling goes through the FFT of u.

    K starts as a random rotation at its centre and little around it. Nothing keeps it from a
    kernel that is singular at some frequency, but its log-determinant, and with it the density,
    falls to -∞ there, which training on densities avoids. At such a kernel all results are those
    of a K̂ within rounding of it: finite, with a very negative log-determinant, and samples with
    very large values, from which no round trip leads back.

    Args:
      kernel_size: k, at least 1, at most 2 min(h, w) + 1. p = ⌊k / 2⌋.

    Raises:
      ValueError: for a size out of range, in part only in `build`.
    """

    def __init__(self, kernel_size=3, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if kernel_size < 1:
            raise ValueError(f"PeriodicConv needs kernel_size >= 1, got {kernel_size}.")
        self.kernel_size = kernel_size

    def build(self, input_shape, condition_shape=None):
        """Draws the kernel."""
        super().build(input_shape, condition_shape)
        height, width, channels = self.event_shape
        k = self.kernel_size
        if k // 2 > min(height, width):
            raise ValueError(
                f"PeriodicConv needs kernel_size <= 2 min(h, w) + 1, got {k} for {height} x "
                f"{width}; a larger kernel would see the same pixels again."
            )
        shape = (k, k, channels, channels)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=_initial)
        self._phases, self._counts = _frequencies(height, width, k)

    def _spectrum(self, kernel):
        """K̂, complex128 [frequencies, c, c]."""
        flat = tf.reshape(tf.cast(kernel, tf.float64), (self.kernel_size**2, -1))
        parts = [tf.constant(part) @ flat for part in (self._phases.real, self._phases.imag)]
        channels = self.event_shape[-1]
        return tf.reshape(tf.complex(*parts), (-1, channels, channels))

    def _determinant(self, kernel, point):
        """The log-determinant [batch], and the inverses of K̂."""
        log_dets, inverses = log_abs_det_and_inverse(self._spectrum(kernel), self.compute_dtype)
        return same_for_all(tf.reduce_sum(log_dets * self._counts), point), inverses

    def _convolve(self, kernel, y):
        before = self.kernel_size // 2
        after = self.kernel_size - 1 - before
        for axis in (1, 2):
            size = y.shape[axis]
            front = tf.split(y, [size - before, before], axis=axis)[1]
            back = tf.split(y, [after, size - after], axis=axis)[0]
            y = tf.concat([front, y, back], axis=axis)
        return tf.nn.conv2d(y, kernel, 1, "VALID")

    def _solve(self, u, inverses):
        """Multiplies the Fourier transform of u by the c x c matrices, and transforms back."""
        height, width, channels = self.event_shape
        values = tf.signal.rfft2d(tf.transpose(u, (0, 3, 1, 2)))
        values = tf.reshape(values, (-1, channels, inverses.shape[0]))
        values = tf.einsum("bcf,fcd->bdf", values, tf.cast(inverses, values.dtype))
        values = tf.reshape(values, (-1, channels, height, width // 2 + 1))
        return tf.transpose(tf.signal.irfft2d(values, (height, width)), (0, 2, 3, 1))

    def _forward(self, u, condition, training):
        """y with Ŷ(f) = Û(f) K̂(f)⁻¹, and -Σ log|det K̂(f)|."""
        kernel = self.kernel.value
        log_det, inverses = self._determinant(kernel, u)
        y = solve_linear(
            self._convolve,
            lambda u: self._solve(u, inverses),
            lambda g: self._solve(g, tf.linalg.adjoint(inverses)),
            kernel,
            u,
        )
        return y, -log_det

    def _inverse(self, y, condition, training):
        """u, the convolution of y, and Σ log|det K̂(f)|."""
        kernel = self.kernel.value
        log_det, _ = self._determinant(kernel, y)
        return self._convolve(kernel, y), log_det


def _frequencies(height, width, kernel_size):
    """Phases [frequencies, k²] of the kernel's places, and how often each frequency counts.

    The frequencies are those of a real two-dimensional FFT: all of the height, and of the width
    those from 0 to ⌊w / 2⌋. The others are conjugates: all of column 0, and of column w / 2 where
    w is even, stand for themselves, all of every other column for two.
    """
    places = np.arange(kernel_size) - kernel_size // 2
    rows = np.exp(2j * np.pi * np.outer(np.arange(height), places) / height)
    columns = np.exp(2j * np.pi * np.outer(np.arange(width // 2 + 1), places) / width)
    phases = rows[:, None, :, None] * columns[None, :, None, :]
    counts = np.full((height, width // 2 + 1), 2.0)
    counts[:, 0] = 1.0
    if width % 2 == 0:
        counts[:, -1] = 1.0
    return phases.reshape(-1, kernel_size**2), counts.reshape(-1)


def _initial(shape, dtype):
    """A random rotation at the centre, and noise whose spectral norm over all places is ~ 0.1."""
    k, _, channels, _ = shape
    noise = keras.initializers.RandomNormal(stddev=0.05 / (k * channels**0.5))(shape, dtype)
    rotation = keras.initializers.Orthogonal()((channels, channels), dtype)
    centre = np.zeros((k, k, 1, 1))
    centre[k // 2, k // 2] = 1.0
    return noise + tf.constant(centre, dtype) * rotation
