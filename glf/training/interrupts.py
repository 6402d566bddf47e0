"""SIGTERM and SIGINT become a request to stop at the next whole step."""

import contextlib
import signal


class Interrupted(Exception):
    """Training stopped on a signal, after a checkpoint. `signum` is the signal."""

    def __init__(self, signum, message):
        super().__init__(message)
        self.signum = signum


class StopRequest:
    """Holds the first signal that came, or None; listens for signals from `listen` on."""

    def __init__(self):
        self.signum = None
        self._before = {}

    def listen(self):
        """Listens, again where others have taken the signals since.

        TensorFlow does when it connects several workers.
        """
        for signum in (signal.SIGTERM, signal.SIGINT):
            try:
                before = signal.signal(signum, self._handle)
            except ValueError:  # not in the main thread: the caller's own handling stays
                break
            self._before.setdefault(signum, before)

    def end(self):
        """Leaves the signals to those that had them."""
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _handle(self, signum, frame):
        del frame
        self.signum = signum
        signal.signal(signum, self._before[signum])


@contextlib.contextmanager
def stop_on_signals():
    """Yields a `StopRequest`; a second signal of the same kind acts as it would have before."""
    request = StopRequest()
    request.listen()
    try:
        yield request
    finally:
        request.end()
