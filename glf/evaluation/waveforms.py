"""Waveforms as pictures, of their curves and of their spectra, and as WAV files."""

import numpy as np

from glf.core import files
from glf.data import mu_law
from glf.evaluation.heat_map import heat_map

HEIGHT, MAX_WIDTH = 64, 512
_WINDOW, _HOP, _RANGE = 0.02, 0.0025, 70.0  # seconds, seconds, dB


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


def spectrograms(codes, levels, sample_rate):
    """Mu-law levels [num, samples, 1, channels] to pictures of their frequencies over time.

    The power of short pieces under a Hann window of 20 ms, one every 2.5 ms, of the first channel;
    time runs to the right, the frequency from 0 at the bottom to half of the sample rate on top.
    The colours of `heat_map` run over 70 dB, white at the largest power of all waveforms, so that
    those of one picture can be compared; what is weaker than that range is darkest, silence too.
    Waveforms shorter than a window end in silence.

    Returns uint8 [num, frequencies, times, 3].
    """
    waves = mu_law.decode(np.asarray(codes)[:, :, 0, 0], levels)
    length, hop = max(2, round(_WINDOW * sample_rate)), max(1, round(_HOP * sample_rate))
    waves = np.pad(waves, [(0, 0), (0, max(0, length - waves.shape[1]))])
    from scipy import signal  # slow to import, needed only here

    window = signal.windows.hann(length, sym=False)
    transform = signal.ShortTimeFFT(window, hop, sample_rate)
    power = transform.spectrogram(waves, p0=0, p1=-(-waves.shape[1] // hop), axis=-1)
    loudest = max(power.max(), np.finfo(float).tiny)
    decibels = 10 * np.log10(np.maximum(power / loudest, 10 ** (-_RANGE / 10)))
    return heat_map(decibels[:, ::-1], -_RANGE, 0.0)


def write_wav(path, codes, levels, sample_rate):
    """Writes mu-law levels [samples, 1, channels] as 16-bit PCM, whole or not at all."""
    from scipy.io import wavfile  # slow to import, needed only here

    waves = mu_law.decode(np.asarray(codes)[:, 0], levels)
    pcm = np.clip(np.rint(waves * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    with files.atomic_path(path) as temporary:
        wavfile.write(temporary, sample_rate, pcm[:, 0] if pcm.shape[1] == 1 else pcm)
