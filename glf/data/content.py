"""Records of data, in a few lines: enough to tell whether they are the same as before."""

import hashlib

import numpy as np

_WHOLE = 256 * 2**20  # bytes of an array that are read in full
_BLOCK, _BLOCKS = 2**20, 64  # of a larger one so many are, evenly spaced


def of_files(root, names):
    """The content of files below `root`: how many, and a digest of their names and sizes."""
    digest, count = hashlib.sha256(), 0
    for name in sorted(names):
        path = root / name
        size = path.stat().st_size if path.exists() else None
        digest.update(repr((name, size)).encode("utf-8", "backslashreplace"))
        count += 1
    return {"files": count, "sha256": digest.hexdigest()}


def of_arrays(arrays):
    """The content of {name: array or None}: shapes, types, and a digest of the values.

    Of an array beyond 256 MiB the digest is of 64 blocks of one MiB, evenly spaced, the first and
    the last among them.
    """
    digest, shapes = hashlib.sha256(), {}
    for name, array in sorted(arrays.items()):
        if array is None:
            continue
        shapes[name] = f"{array.dtype}{list(array.shape)}"
        digest.update(f"{name} {shapes[name]}".encode())
        if array.nbytes <= _WHOLE:
            digest.update(np.ascontiguousarray(array))
            continue
        flat = array.reshape(-1)
        step = max(1, _BLOCK // array.itemsize)
        for start in np.linspace(0, flat.size - step, _BLOCKS).astype(np.int64):
            digest.update(np.ascontiguousarray(flat[start : start + step]))
    return {"arrays": shapes, "sha256": digest.hexdigest()}


def of_rows(split):
    """The content of a split: how many examples, and a digest of which."""
    rows = np.ascontiguousarray(split.rows, np.int64)
    digest = hashlib.sha256(split.table.name.encode())
    digest.update(rows)
    return {"examples": len(rows), "sha256": digest.hexdigest()}
