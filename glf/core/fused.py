"""Parts of many small operations, made one XLA program each where the step around them is none."""

import contextlib
import contextvars

import tensorflow as tf

_fusing = contextvars.ContextVar("fusing", default=False)


@contextlib.contextmanager
def fusing():
    """What is traced within the block compiles its `fused` calls by XLA."""
    token = _fusing.set(True)
    try:
        yield
    finally:
        _fusing.reset(token)


def fused(function, *args, **kwargs):
    """`function` of the arguments: an XLA program of its own within `fusing`, else as it is."""
    if not _fusing.get():
        return function(*args, **kwargs)
    return tf.function(function, jit_compile=True, autograph=False)(*args, **kwargs)
