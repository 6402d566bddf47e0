"""A folder of arrays that cost much to make, each file named by what it was made of."""

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
    written a warning says so, and nothing is kept.

    Args:
      kind: a word or two that begin the file's name.
      key: a `digest` of all that the arrays depend on.
      make: gives {name: array}.
    """
    path = folder() / f"{kind}-{key[:32]}.npz"
    if path.is_file():
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            logging.warning("%s cannot be read (%s) and is made again.", path, error)
    made = make()
    try:
        with files.atomic_path(path) as temporary:
            np.savez(temporary, **made)
    except OSError as error:
        logging.warning("Nothing is kept for the next time: %s", error)
    return made
