"""Settings of this process that make long runs on a CPU faster."""

import ctypes
import sys

# glibc's mallopt parameters, from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory():
    """Keeps freed memory in the process instead of returning it to the system.

    A training step's large temporaries are the same at each step. By default glibc gives them back
    and asks for them again, and the page faults cost a good part of a step under XLA. Results do
    not change; memory use stays at its highest. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 2**28)
