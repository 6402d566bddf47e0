"""Progress of long work, in lines of the log."""

import time

from absl import logging


class Progress:
    """Says how far some work is, at most every ten seconds.

    Args:
      what: the work, the beginning of a line.
      total: how many there are to do.
    """

    every = 10.0

    def __init__(self, what, total):
        self.what, self.total = what, total
        self._last = time.monotonic()

    def at(self, done):
        """Says that so many are done, if it is time to."""
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            logging.info("%s: %d of %d", self.what, done, self.total)
