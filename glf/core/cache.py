"""A folder of arrays that cost much to make, each file named by what it was made of."""

import contextlib
import fcntl
import hashlib
import json
import os
import zipfile

import numpy as np
from absl import logging

from glf.core import files


def folder():
    """The cache's folder: $GLF_CACHE, else ~/.cache/glf. Whatever lies there can be made again."""
    return files.expanded(os.environ.get("GLF_CACHE") or "~/.cache/glf")


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


def arrays(kind, key, make):
    """{name: array}: `make()`, or what it gave when it was last called for this kind and key.

    The file is whole or absent. One that cannot be read is made again; where the folder cannot be
    written a warning says so, and nothing is kept. Processes that want arrays of one kind make them
    one after the other, so that all of them get the same.

    Args:
      kind: a word or two that begin the file's name.
      key: a `digest` of all that the arrays depend on.
      make: gives {name: array}.
    """
    path = folder() / f"{kind}-{key[:32]}.npz"
    stored = _read(path)
    if stored is not None:
        return stored
    with _alone(path.parent / f".{kind}.lock"):
        stored = _read(path)  # another process may have made them meanwhile
        if stored is not None:
            return stored
        made = make()
        try:
            with files.atomic_path(path) as temporary:
                np.savez(temporary, **made)
        except OSError as error:
            logging.warning("Nothing is kept for the next time: %s", error)
        return made


def _read(path):
    """{name: array} of a file; None where there is none that can be read."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        logging.warning("%s cannot be read (%s) and is made again.", path, error)
        return None


@contextlib.contextmanager
def _alone(lock):
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
