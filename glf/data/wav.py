"""Folders of WAV files as sequences of mu-law levels."""

import warnings

import numpy as np
from absl import logging

from glf.core.checks import is_integer
from glf.core.files import expanded
from glf.data import content, mu_law
from glf.data.listing import WAVS, find, report_broken, shown, stamp
from glf.data.source import Source, Split, Table
from glf.data.split_names import split_folders, splits_of_files

# More of a file than this beyond [-1, 1], and it is no waveform in these units.
_MOST_CLIPPED = 0.1


def load_wav_source(path, /, *, store, num_samples=None):
    """All .wav files below a folder: mu-law levels {0..255} of shape (num_samples, 1, 1).

    PCM of 8, 16, 24 or 32 bits or floats, all at one rate; of several channels the mean is taken.
    A file is cut into consecutive pieces of `num_samples`; what is left over at its end is not
    used. Floats beyond [-1, 1] are clipped, and a warning says so. Names that start with a dot are
    passed over.

    Splits: where all files lie in folders "train" and "validation" or "test", these are the
    splits, by whole files completed as `complete_splits` does. Elsewhere the files are ordered by
    the SHA-256 of their relative path; the first tenth, at most 5000, is the test split and as
    many after them the validation split. No file is in two.

    Args:
      path: the folder.
      num_samples: the length of an example.
      store: a `Store`.

    Raises:
      ValueError: if `num_samples` is no positive integer; if the folder is missing, is a file or
        has no .wav files, or too few to split; if files differ in their sample rate; if half of
        the files or more cannot be read, are shorter than an example or lie beyond [-1, 1] in more
        than a tenth of their samples (fewer are left out, and named in a warning); if folders look
        like splits and are none, see `split_folders`.
    """
    name = f"wav:{path}"
    if not is_integer(num_samples, 1):
        raise ValueError(
            "wav: sources need make_dataset.num_samples, the length of an example, a positive "
            f"integer; got {num_samples!r}."
        )
    root = expanded(path)
    files = find(root, WAVS, "WAV files")
    parts = split_folders(root, files)
    counts, rates, broken, loud = _survey(root, files, num_samples)
    report_broken(name, files, np.flatnonzero(counts), broken, "WAV files")
    if len(rates) > 1:
        (a, first), (b, second) = list(rates.items())[:2]
        raise ValueError(
            f"The files of {name!r} differ in their sample rate ({shown(first)}: {a} Hz, "
            f"{shown(second)}: {b} Hz); bring them to one."
        )
    _warn_of_loud(name, loud)
    kept = [file for i, file in enumerate(files) if counts[i]]
    pieces = counts[counts > 0]
    shape = (int(num_samples), 1, 1)

    def examples():
        for i, file in enumerate(kept):
            _, waveform = read_wav(root / file)
            cut = waveform[: pieces[i] * num_samples].reshape(-1, *shape)
            yield mu_law.encode(cut), np.full(len(cut), i)

    levels, owner = store.collect(
        name,
        examples,
        int(pieces.sum()),
        shape,
        [str(root.resolve()), "mu-law", [stamp(root, file) for file in kept]],
    )
    table = Split.whole(Table("wav", len(levels), lambda: (levels, None)))
    kept_parts = None if parts is None else np.array(parts)[counts > 0]
    of_files = Table("files", len(kept), lambda: (kept, None))
    members = splits_of_files(name, of_files, kept, kept_parts, what="WAV files")
    splits = {s: table.take(np.flatnonzero(np.isin(owner, m.rows))) for s, m in members.items()}
    of_all = content.of_files(root, files)
    return Source(name, shape, 256, None, splits, next(iter(rates)), content=of_all)


def _survey(root, files, num_samples):
    """What each file holds.

    Returns:
      The number of examples of each, int64; {sample rate: the first file that has it}; {file: why
      it cannot be used}; {file: its largest magnitude} of those to be clipped.
    """
    broken, counts, rates, loud = {}, np.zeros(len(files), np.int64), {}, {}
    for i, file in enumerate(files):
        try:
            rate, waveform = read_wav(root / file)
        except OSError as error:
            broken[file] = str(error)
            continue
        beyond = np.mean(np.abs(waveform) > 1) if len(waveform) else 0.0
        if beyond > _MOST_CLIPPED:
            broken[file] = (
                f"{beyond:.0%} of its floats lie beyond [-1, 1], up to "
                f"{np.abs(waveform).max():.4g}; scale them to it"
            )
            continue
        if beyond:
            loud[file] = np.abs(waveform).max()
        rates.setdefault(rate, file)
        counts[i] = len(waveform) // num_samples
        if not counts[i]:
            broken[file] = f"{len(waveform)} samples, shorter than num_samples={num_samples}"
    return counts, rates, broken, loud


def _warn_of_loud(name, loud):
    if loud:
        loudest = max(loud, key=loud.get)
        logging.warning(
            "%s: clipped to [-1, 1] what %d files have beyond (%s reaches %.4g)",
            name,
            len(loud),
            shown(loudest),
            loud[loudest],
        )


def read_wav(path):
    """(sample rate in Hz, float64 [samples], the mean of the channels).

    Integers come in [-1, 1]; floats as they are.

    Raises:
      OSError: if the file is not a whole WAV file of PCM or floats.
    """
    from scipy.io import wavfile  # slow to import, needed only here

    try:
        with warnings.catch_warnings():
            # Chunks of no interest are passed over; a file that ends too early is broken.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            warnings.filterwarnings("error", "Reached EOF", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except OSError:
        raise
    except Exception as error:  # depending on what is broken: ValueError, struct.error and others
        raise OSError(f"{type(error).__name__}: {error}") from error
    if samples.dtype == np.uint8:
        waveform = (samples.astype(np.float64) - 128) / 128
    elif samples.dtype.kind == "i":  # 24 bits come as the upper ones of 32
        waveform = samples / 2.0 ** (8 * samples.dtype.itemsize - 1)
    else:
        waveform = samples.astype(np.float64)
    if not np.isfinite(waveform).all():
        raise OSError("it holds values that are no numbers")
    return int(rate), waveform if waveform.ndim == 1 else waveform.mean(1)
