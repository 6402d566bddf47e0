"""Images to tiles of a model's shape and back, and what a file says of them."""

import json
import math
import zlib

import numpy as np

from glf.compression.container import LARGEST_NOTES, DamagedFile


def grid(size, shape):
    """How many tiles of `shape` cover an image of `size`: (rows, columns)."""
    return math.ceil(size[0] / shape[0]), math.ceil(size[1] / shape[1])


def tiles_of(image, shape):
    """The tiles [n, *shape] of an image, row by row; what lies beyond repeats its edge."""
    rows, columns = grid(image.shape, shape)
    beyond = [(0, rows * shape[0] - image.shape[0]), (0, columns * shape[1] - image.shape[1])]
    image = np.pad(image, [*beyond, (0, 0)], mode="edge")
    image = image.reshape(rows, shape[0], columns, shape[1], shape[2])
    return image.transpose(0, 2, 1, 3, 4).reshape(-1, *shape)


def image_of(tiles, size):
    """The image of `size` (height, width) that `tiles_of` cut."""
    shape = tiles.shape[1:]
    rows, columns = grid(size, shape)
    whole = tiles.reshape(rows, columns, *shape).transpose(0, 2, 1, 3, 4)
    return whole.reshape(rows * shape[0], columns * shape[1], shape[2])[: size[0], : size[1]]


def tile_count(sizes, shape):
    """How many tiles all images of these sizes have."""
    return sum(math.prod(grid(size, shape)) for size in sizes)


def pack_notes(notes):
    """Notes as bytes; None for none."""
    if not notes:
        return None
    return zlib.compress(json.dumps(notes, separators=(",", ":")).encode("utf-8"), 9)


def unpack_notes(data):
    """Notes of bytes; {} of None.

    Raises:
      DamagedFile: if they are none, or longer than any writer's.
    """
    if data is None:
        return {}
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, LARGEST_NOTES)
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("they are cut off, or too long")
        notes = json.loads(text)
        if not isinstance(notes, dict):
            raise ValueError("they are no dictionary")
        return notes
    except (ValueError, RecursionError, zlib.error) as error:
        raise DamagedFile(f"the notes cannot be read: {error}") from error


class Listed:
    """The images that a file holds, of its header and notes.

    Attributes:
      count: how many.
      names: of the files of a folder; None of an array.

    Raises:
      DamagedFile: if the notes are not those of so many tiles.
    """

    def __init__(self, header, notes):
        self.names, self._sizes, shape = None, None, header.shape
        try:
            if notes.get("kind") == "folder":
                self.names = [_safe(name) for name, _, _ in notes["files"]]
                self._sizes = [(int(h), int(w)) for _, h, w in notes["files"]]
                self.count = len(self.names)
                tiles = tile_count(self._sizes, shape) if min(map(min, self._sizes)) > 0 else 0
            else:
                self._size = tuple(int(n) for n in notes.get("size", shape[:2]))
                of_each = tile_count([self._size], shape) if min(self._size) > 0 else 0
                self.count = header.images // max(1, of_each)
                tiles = of_each * self.count
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamagedFile(f"the notes are not those of images: {error}") from error
        if tiles != header.images:
            raise DamagedFile("the notes list other images than the blocks hold")

    def size(self, index):
        """(height, width) of an image."""
        return self._size if self._sizes is None else self._sizes[index]


def _safe(name):
    """A relative path that stays below the folder it is written to."""
    parts = str(name).split("/")
    if not name or "\0" in name or "\\" in name or {"", ".", ".."} & set(parts):
        raise ValueError(f"{name!r} is no name of a file below a folder")
    return name
