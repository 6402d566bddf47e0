"""Mu-law: waveforms as a few levels, finer where it is quiet (ITU-T G.711, mu = 255)."""

import numpy as np

MU = 255


def encode(waveform, levels=256):
    """Floats in [-1, 1] to integers {0, ..., levels - 1}, uint8.

    With y = sign(x) log(1 + mu |x|) / log(1 + mu): round((y + 1) / 2 * (levels - 1)), halves up.
    What lies outside of [-1, 1] is clipped.
    """
    x = np.clip(np.asarray(waveform, np.float64), -1.0, 1.0)
    y = np.sign(x) * np.log1p(MU * np.abs(x)) / np.log1p(MU)
    return np.floor((y + 1) / 2 * (levels - 1) + 0.5).astype(np.uint8)


def decode(codes, levels=256):
    """Integers {0, ..., levels - 1} to floats in [-1, 1]: sign(y) ((1 + mu)^|y| - 1) / mu.

    `encode` of it is `codes` again.
    """
    y = np.asarray(codes, np.float64) * (2 / (levels - 1)) - 1
    return np.sign(y) * np.expm1(np.abs(y) * np.log1p(MU)) / MU
