"""Waveforms as pictures and as WAV files."""

import numpy as np
from scipy.io import wavfile

from glf.core import files
from glf.data import mu_law

HEIGHT, MAX_WIDTH = 64, 512


def draw(codes, levels, height=HEIGHT, max_width=MAX_WIDTH):
    """Mu-law levels [num, samples, 1, channels] to pictures of their curves.

    Each of at most `max_width` columns is dark from the lowest to the highest value of its share of
    the samples (of the first channel), joined to the column before; 1 is on top, -1 at the bottom.

    Returns uint8 [num, height, width, 1].
    """
    waves = mu_law.decode(np.asarray(codes)[:, :, 0, 0], levels)
    samples = waves.shape[1]
    width = min(samples, max_width)
    edges = np.arange(width + 1) * samples // width
    low = np.minimum.reduceat(waves, edges[:-1], 1)
    high = np.maximum.reduceat(waves, edges[:-1], 1)
    # To the last value of the column before.
    before = waves[:, np.maximum(edges[:-1] - 1, 0)]
    low, high = np.minimum(low, before), np.maximum(high, before)
    top, bottom = (np.rint((1 - v) / 2 * (height - 1))[:, None] for v in (high, low))
    rows = np.arange(height)[:, None]
    dark = (rows >= top) & (rows <= bottom)
    return np.where(dark, 0, 255).astype(np.uint8)[..., None]


def write_wav(path, codes, levels, sample_rate):
    """Writes mu-law levels [samples, 1, channels] as 16-bit PCM, whole or not at all."""
    waves = mu_law.decode(np.asarray(codes)[:, 0], levels)
    pcm = np.clip(np.rint(waves * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    with files.atomic_path(path) as temporary:
        wavfile.write(temporary, sample_rate, pcm[:, 0] if pcm.shape[1] == 1 else pcm)
