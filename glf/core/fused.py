"""How graphs are compiled: small parts by XLA within a graph that is not, and graphs as traced."""

import contextlib
import contextvars

import tensorflow as tf

_for_xla = contextvars.ContextVar("for_xla", default=False)
_fusing = contextvars.ContextVar("fusing", default=False)


@contextlib.contextmanager
def _within(variable):
    token = variable.set(True)
    try:
        yield
    finally:
        variable.reset(token)


def fusing():
    """What is traced within the block compiles its `fused` calls by XLA."""
    return _within(_fusing)


def fused(function, *args, **kwargs):
    """`function` of the arguments: an XLA program of its own within `fusing`, else as it is."""
    if not _fusing.get():
        return function(*args, **kwargs)
    return tf.function(function, jit_compile=True, autograph=False)(*args, **kwargs)


def for_xla_on_cpu():
    """What is traced within the block will be an XLA program for a CPU, and may be written so."""
    return _within(_for_xla)


def is_for_xla_on_cpu():
    """Whether it is so."""
    return _for_xla.get()


@contextlib.contextmanager
def as_traced():
    """Graphs that are called within the block run as they were traced.

    TensorFlow rewrites a graph before it first runs it, which takes a while and gains nothing where
    all that is computed is in XLA programs. A graph is to be called so each time: it would be made
    ready anew.
    """
    option = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})
