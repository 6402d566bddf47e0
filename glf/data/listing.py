"""The files of a folder: which there are, which are passed over, which cannot be read."""

import collections
import concurrent.futures
import os
import pathlib

import numpy as np
from absl import logging

IMAGES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".pgm", ".ppm", ".pbm", ".pnm"),
)
WAVS = (".wav", ".wave")
# What holds images or sounds, too, and is not read; a folder that has some is told so.
_PASSED_OVER = {
    IMAGES: (
        *(".jp2", ".j2k", ".jpx", ".jxl", ".avif", ".heic", ".heif", ".apng", ".tga", ".pcx"),
        *(".ico", ".dds", ".dib", ".qoi", ".psd", ".svg", ".eps", ".exr", ".hdr", ".pfm"),
        *(".dcm", ".dicom", ".nii", ".fits", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw"),
        *(".orf", ".rw2", ".raf", ".npy", ".npz", ".mat", ".h5", ".hdf5", ".tfrecord"),
        *(".mp4", ".avi", ".mov", ".zip", ".tar", ".tgz"),
    ),
    WAVS: (
        *(".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff"),
        *(".au", ".snd", ".sph", ".w64", ".rf64", ".caf", ".raw", ".pcm", ".zip", ".tar", ".tgz"),
    ),
}
_NAMED = 5  # how many files a message names


def shown(file):
    """A file's name as text that can be printed and stored: bytes that are no UTF-8 as \\xff."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def shown_some(files):
    """The first few of several names, and how many more there are."""
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return ", ".join(shown(file) for file in files[:_NAMED]) + more


def find(root, extensions, what):
    """Relative paths of all files below `root` with one of the `extensions`, sorted.

    Names that start with a dot are passed over, a folder that is reached twice by links is entered
    once. Files that look as if they were wanted, too, and are not read are counted in a warning.

    Args:
      root: the folder.
      extensions: `IMAGES` or `WAVS`.
      what: names them in messages.

    Raises:
      ValueError: if `root` is not there, is a file, has no such files, or has a folder that
        cannot be listed.
    """
    if not root.exists():
        raise ValueError(f"There is no folder {str(root)!r}.")
    if not root.is_dir():
        raise ValueError(
            f"{str(root)!r} is a file; a folder of {what} is wanted (array: reads .npy, .npz)."
        )
    taken, passed_over, seen, again = [], collections.Counter(), {}, []
    for folder, inner, names in os.walk(root, followlinks=True, onerror=_refuse):
        here = os.path.relpath(folder, root)
        # Sorted, so that of two links to one folder always the same is taken.
        inner[:] = sorted(d for d in inner if not d.startswith("."))
        if seen.setdefault(os.path.realpath(folder), here) != here:
            again.append(here)
            inner[:] = []
            continue
        for file in names:
            kind = os.path.splitext(file)[1].lower()
            if file.startswith("."):
                continue
            if kind in extensions:
                taken.append(pathlib.Path(folder, file).relative_to(root).as_posix())
            elif kind in _PASSED_OVER[extensions]:
                passed_over[kind] += 1
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed_over.items()))
    if not taken:
        raise ValueError(
            f"There are no {what} in {str(root)!r} or below; looked for {', '.join(extensions)}"
            + (f", and there are {kinds}, which are not read." if kinds else ".")
        )
    if kinds:
        logging.warning(
            "%s: took %d %s and passed over files that are not read: %s; convert them, or move "
            "them away",
            shown(root),
            len(taken),
            what,
            kinds,
        )
    if again:
        logging.warning(
            "%s: passed over links to folders that are taken already: %s",
            shown(root),
            shown_some(again),
        )
    return sorted(taken)


def _refuse(error):
    raise ValueError(
        f"The folder {error.filename!r} cannot be listed: {error.strerror}. Make it readable, or "
        "move it away."
    ) from error


def stamp(root, file):
    """What changes when a file does."""
    try:
        stat = (root / file).stat()
    except OSError:  # a link to nowhere
        return (file,)
    return file, stat.st_size, stat.st_mtime_ns


def attempt_all(function, root, files, broken):
    """`function` of each file, in parallel; where it cannot be read None, and why in `broken`."""

    def attempt(file):
        try:
            return function(root / file)
        except OSError as error:
            broken[file] = str(error)
            return None

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(attempt, files))


def report_broken(name, files, kept, broken, what="images"):
    """Names the files that were left out, all but those at `kept`, in a warning.

    Raises:
      ValueError: if they are half of all or more.
    """
    readable = set(np.asarray(kept, np.int64).tolist())
    lost = [file for i, file in enumerate(files) if i not in readable]
    if not lost:
        return
    reasons = "; ".join(f"{shown(f)} ({broken.get(f, 'unreadable')})" for f in lost[:_NAMED])
    reasons += f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    if 2 * len(lost) >= len(files):
        raise ValueError(
            f"{len(lost)} of the {len(files)} {what} of {name!r} cannot be read: {reasons}."
        )
    logging.warning("%s: left out %d unreadable %s: %s", name, len(lost), what, reasons)
