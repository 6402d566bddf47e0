"""Where decoded images are kept: in memory, or beyond a budget in a memory-mapped file."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import time

import numpy as np
from absl import logging

from glf.core import files

MEMORY_BUDGET = 4 * 2**30
_VERSION = 1  # raise it when the same settings come to mean other pixels


def default_cache_dir():
    """`$XDG_CACHE_HOME/glf`, or `~/.cache/glf`."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "glf"


@dataclasses.dataclass(frozen=True)
class Store:
    """Keeps decoded images.

    Up to `memory_budget` bytes an array is in memory. Beyond, it is a memory-mapped file in
    `cache_dir`, found again by the next run; it is written whole or not at all.

    Args:
      memory_budget: bytes an array may take in memory.
      cache_dir: a folder; None for `default_cache_dir()`.

    Raises:
      ValueError: if the budget is negative.
    """

    memory_budget: int = MEMORY_BUDGET
    cache_dir: str | os.PathLike | None = None

    def __post_init__(self):
        if self.memory_budget < 0:
            raise ValueError(
                f"memory_budget is a number of bytes, at least 0, got {self.memory_budget}."
            )

    def collect(self, name, batches, count, shape, key):
        """Gathers decoded images into one array, once.

        Args:
          name: of the dataset, for messages.
          batches: a function that returns an iterator of (uint8 [k, h, w, c], integers [k]).
          count: the number of images at most; fewer may come.
          shape: (h, w, c).
          key: anything JSON can say that tells these images from any other; the file in the cache
            is named by a digest of it.

        Returns:
          (uint8 [n, h, w, c], int64 [n]) with n <= count.

        Raises:
          ValueError: if the cache's disk has no room.
          OSError: if it cannot be written, or another process takes the room.
        """
        if count * int(np.prod(shape)) <= self.memory_budget:
            images = np.empty((count, *shape), np.uint8)
            numbers = _fill(name, images, batches())
            return images[: len(numbers)], numbers
        folder = files.expanded(self.cache_dir) if self.cache_dir else default_cache_dir()
        digest = hashlib.sha256(json.dumps([_VERSION, key, shape]).encode()).hexdigest()[:24]
        images_path, record = folder / f"{digest}.npy", folder / f"{digest}.json"
        if not (record.exists() and images_path.exists()):
            self._write(name, batches, (count, *shape), images_path, record)
        numbers = np.array(json.loads(record.read_text())["numbers"], np.int64)
        return np.load(images_path, mmap_mode="r")[: len(numbers)], numbers

    def _write(self, name, batches, shape, images_path, record):
        folder = images_path.parent
        folder.mkdir(parents=True, exist_ok=True)
        size, free = int(np.prod(shape)), shutil.disk_usage(folder).free
        if size > free:
            raise ValueError(
                f"{name!r} decodes to {size / 2**30:.2f} GiB, above the memory budget of "
                f"{self.memory_budget / 2**30:.2f} GiB, and {folder} has only "
                f"{free / 2**30:.2f} GiB free; give another cache_dir, a smaller image_size or a "
                "larger memory_budget."
            )
        logging.info("%s: decoding to %s", name, images_path)
        with files.atomic_path(images_path) as temporary:
            images = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            _reserve(temporary)
            numbers = _fill(name, images, batches())
            images.flush()
            del images
        # Last, so that its presence says that the images are there.
        files.write_json(record, {"name": name, "numbers": numbers.tolist()})


def _reserve(path):
    """Takes all of a new file's room on its disk at once.

    Without, a mapped page that finds none left when it is written ends the process.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as handle:
            os.posix_fallocate(handle.fileno(), 0, os.fstat(handle.fileno()).st_size)


def _fill(name, images, batches):
    """Writes `batches` into `images` one after another; returns their numbers."""
    numbers, filled, said = [], 0, time.monotonic()
    for batch, batch_numbers in batches:
        images[filled : filled + len(batch)] = batch
        filled += len(batch)
        numbers.append(np.asarray(batch_numbers, np.int64))
        if time.monotonic() - said > 10:
            said = time.monotonic()
            logging.info("%s: decoded %d of %d images", name, filled, len(images))
    return np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
