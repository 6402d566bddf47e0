"""Work in items that several processes do together: each makes some, and all get every result.

They meet in a folder that all of them see, and need nothing else: no connection, not even each
other. Results are files, whole or absent, and an item that a process makes is locked meanwhile. The
system ends the lock of a process that is killed; whoever is there makes what it left. Results
depend on nothing but the item, so that all of them are what one process would have made.
"""

import contextlib
import fcntl
import os
import re
import shutil
import time

import numpy as np
from absl import logging

from glf.core import cache, files
from glf.core.progress import Progress

_POLL = 0.2  # seconds
_USERS, _WRITTEN = ".users", "written"


class Alone:
    """One process that makes every item itself.

    Attributes:
      number: of this process; the first one, 0, is the one that writes what all was made for.
      place: the number of the device that makes an item, where they have several of their own.
    """

    number, place = 0, None

    def over(self, name, items, make):
        """Yields the result of every item, in order.

        Args:
          name: of this work, different from that of any other.
          items: called without arguments; gives the items from the first one on, each time the
            same.
          make: called with the index of an item and the item; gives {name: array}.
        """
        del name
        for index, item in enumerate(items()):
            yield make(index, item)


ALONE = Alone()


class Shares(Alone):
    """One of several processes.

    It begins with every `of`-th item, and goes on with those that nobody has made or is making.

    Args:
      folder: a `pathlib.Path`, where all meet.
      number: of this process, 0 to `of` - 1.
      of: how many there are; fewer will do.
      timeout: seconds after which an item that another process is making is made here, too.
    """

    def __init__(self, folder, number, of, timeout=3600.0):
        self.folder, self.number, self.of, self.timeout = folder, number, of, timeout
        self.made = 0  # here
        self._busy = False

    def over(self, name, items, make):
        """As `Alone`'s. What is made within an item is not shared once more."""
        if self._busy:
            yield from super().over(name, items, make)
            return
        name = re.sub(r"[^\w.-]+", "_", name)
        count = self._make(name, items, make, lambda index: index % self.of == self.number)
        progress, last, left = Progress(f"Shares of {name}", count), time.monotonic(), count
        while missing := {i for i in range(count) if not self._path(name, i).exists()}:
            if len(missing) < left:
                left, last = len(missing), time.monotonic()
            late = time.monotonic() - last > self.timeout
            if late or any(map(self._is_free, (self._lock(name, i) for i in missing))):
                self._make(name, items, make, missing.__contains__, late)
            else:
                progress.at(count - left)
                time.sleep(_POLL)
        for index in range(count):
            yield cache.read(self._path(name, index))

    def _make(self, name, items, make, wanted, anyway=False):
        """Makes the items that are wanted, not there and nobody's; returns how many items are."""
        count = 0
        for index, item in enumerate(items()):
            count += 1
            path = self._path(name, index)
            if not wanted(index) or path.exists():
                continue
            with _locked(self._lock(name, index)) as mine:
                if path.exists() or not (mine or anyway):
                    continue
                self._busy = True
                try:
                    made = make(index, item)
                finally:
                    self._busy = False
                with files.atomic_path(path) as temporary:
                    np.savez(temporary, **{key: np.asarray(value) for key, value in made.items()})
                self.made += 1
        return count

    def _path(self, name, index):
        return self.folder / f"{name}-{index}.npz"

    def _lock(self, name, index):
        return self.folder / f"{name}-{index}.lock"

    @staticmethod
    def _is_free(lock):
        with _locked(lock) as mine:
            return mine


@contextlib.contextmanager
def _locked(path):
    """Whether the lock of this name is had, in the block."""
    with open(path, "a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


@contextlib.contextmanager
def meeting(folder, number, of, timeout=3600.0):
    """The `Shares` of a process that meets others in a folder.

    Number 0 writes what all is made for within the block. The last one that leaves after it has,
    removes the folder; before that it stays, for whoever starts again.

    Raises:
      OSError: if the folder cannot be written.
    """
    with _joined(folder) as users:
        shares = Shares(folder, number, of, timeout)
        yield shares
        if not number:
            (folder / _WRITTEN).touch()
        if (folder / _WRITTEN).exists():
            with contextlib.suppress(OSError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                folder.parent.rmdir()  # where it is empty
        logging.info("Worker %d of %d made %d shares.", number, of, shares.made)


@contextlib.contextmanager
def _joined(folder):
    """The folder's file of users, open; one that was removed in between is made again."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = open(folder / _USERS, "a", encoding="utf-8")  # noqa: SIM115
        except FileNotFoundError:
            continue
        except OSError as error:
            raise files.not_written(error, f"into {folder}, where the workers meet") from error
        fcntl.flock(handle, fcntl.LOCK_SH)
        with handle:
            path = folder / _USERS
            if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                yield handle
                return
