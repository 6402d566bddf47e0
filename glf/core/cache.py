"""A folder of arrays that cost much to make, each file named by what it was made of.

It holds no more than $GLF_CACHE_GIB (8) of them: those that were not used for longest go first.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import zipfile

import numpy as np
from absl import logging

from glf.core import files


def folder():
    """The cache's folder: $GLF_CACHE, else ~/.cache/glf. Whatever lies there can be made again."""
    return files.expanded(os.environ.get("GLF_CACHE") or "~/.cache/glf")


def most_bytes():
    """How much the cache may hold, in bytes: $GLF_CACHE_GIB GiB, else 8.

    Raises:
      ValueError: if that is no number of at least 0.
    """
    given = os.environ.get("GLF_CACHE_GIB") or "8"
    try:
        limit = float(given)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise ValueError(f"GLF_CACHE_GIB is the size of a cache, at least 0 GiB; got {given!r}.")
    return int(limit * 2**30)


def digest(*parts):
    """The SHA-256, as text, of bytes, of arrays, and of anything else that JSON can say."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype}{part.shape}".encode())
            total.update(np.ascontiguousarray(part))
        elif isinstance(part, bytes):
            total.update(part)
        else:
            total.update(json.dumps(part, sort_keys=True).encode())
    return total.hexdigest()


def arrays(kind, key, make, together=False):
    """{name: array}: `make()`, or what it gave when it was last called for this kind and key.

    The file is whole or absent. One that cannot be read is made again; where the folder cannot be
    written a warning says so, and nothing is kept. Processes that want arrays of one kind make them
    one after the other, so that all of them get the same.

    Args:
      kind: a word or two that begin the file's name.
      key: a `digest` of all that the arrays depend on.
      make: gives {name: array}.
      together: whether those who want them make them together: then none waits for another.
    """
    path = folder() / f"{kind}-{key[:32]}.npz"
    stored = read(path)
    if stored is not None:
        return stored
    lock = path.parent / f".{kind}.lock"
    with contextlib.nullcontext() if together else alone(lock):
        stored = read(path)  # another process may have made them meanwhile
        if stored is not None:
            return stored
        made = make()
        try:
            write(path, made)
        except OSError as error:
            logging.warning("Nothing is kept for the next time: %s", error)
        return made


def read(path):
    """{name: array} of a file of the cache; None where there is none that can be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(path)
        return arrays
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        logging.warning("%s cannot be read (%s) and is made again.", path, error)
        return None


def write(path, arrays):
    """Writes a file of the cache, whole or not at all, and removes what is too much.

    Raises:
      OSError: if it cannot be written.
    """
    with files.atomic_path(path) as temporary:
        np.savez(temporary, **arrays)
    _tidy(path)


def _tidy(newest):
    """Removes files, the one that was not used for longest first, until the rest is little enough.

    The newest stays whatever its size. A process that reads a file meanwhile reads it to its end.
    Where several tidy at once, each removes what another may have removed already. What processes
    that were killed left behind goes after a day.
    """
    held, limit = [], most_bytes()
    for path in newest.parent.iterdir():
        with contextlib.suppress(OSError):
            facts = path.stat()
            if path.name.startswith((".writing-", ".compiling-")):
                if facts.st_mtime < time.time() - 86400:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            elif path.suffix == ".npz":
                held.append((path != newest, -facts.st_mtime, facts.st_size, path))
    total = 0
    for others, _, size, path in sorted(held):
        total += size
        if others and total > limit:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def alone(lock):
    """Waits for other processes in such a block. The system ends the lock of one that is killed."""
    with contextlib.ExitStack() as stack:
        # Without a folder that can be written nothing is shared.
        with contextlib.suppress(OSError):
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(lock.open("w"))
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logging.info("Waiting for another process that makes the same kind of thing.")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
