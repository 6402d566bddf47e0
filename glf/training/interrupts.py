"""SIGTERM and SIGINT become a request to stop at the next whole step."""

import contextlib
import signal


class Interrupted(Exception):
    """Training stopped on a signal, after a checkpoint. `signum` is the signal."""

    def __init__(self, signum, message):
        super().__init__(message)
        self.signum = signum


class StopRequest:
    """Holds the first signal that came, or None."""

    signum = None


@contextlib.contextmanager
def stop_on_signals():
    """Yields a `StopRequest`; a second signal of the same kind acts as it would have before."""
    request = StopRequest()
    before = {}

    def handle(signum, frame):
        del frame
        request.signum = signum
        signal.signal(signum, before[signum])

    for signum in (signal.SIGTERM, signal.SIGINT):
        try:
            before[signum] = signal.signal(signum, handle)
        except ValueError:  # not in the main thread: the caller's own handling stays
            break
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
