"""The state of a process that a library call uses and leaves as it was."""

import contextlib
import random

import keras
import numpy as np


@contextlib.contextmanager
def undisturbed(seed=None, policy=None):
    """Random states of Python and NumPy and Keras' dtype policy are the caller's again afterwards.

    Keras draws the seeds of its initial weights from Python's generator; TensorFlow's own
    generators are not used here and stay untouched.

    Args:
      seed: an integer that the generators start from inside the block; None: they go on.
      policy: the name of the dtype policy inside the block; None: it stays.
    """
    states = random.getstate(), np.random.get_state()
    before = keras.config.dtype_policy()
    try:
        if seed is not None:
            random.seed(int(seed) % 2**32)
            np.random.seed(int(seed) % 2**32)
        if policy is not None:
            keras.config.set_dtype_policy(policy)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        keras.config.set_dtype_policy(before)
