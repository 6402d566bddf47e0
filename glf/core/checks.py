"""Checks of values: an error where they are known, an assertion where a graph is being made."""

import math
import numbers

import numpy as np
import tensorflow as tf

LARGEST_FLOAT = float(np.finfo(np.float32).max)


def ensured(value, holds, message, *came):
    """Returns `value`, a tensor, if `holds`, and refuses it otherwise.

    Values that are known are refused at once. In a graph an assertion with the same words stands
    before everything that uses the value, and a SavedModel keeps it: it ends in TensorFlow's
    InvalidArgumentError. XLA makes nothing of assertions, so that checks belong outside of what it
    compiles.

    Args:
      value: a tensor.
      holds: a bool tensor [].
      message: says what is expected, and ends where what came follows.
      came: words and tensors that say what came.

    Raises:
      ValueError: if the values are known and it does not hold.
    """
    known = tf.get_static_value(holds)
    if known is None:
        with tf.control_dependencies([tf.debugging.Assert(holds, [message, *came])]):
            return tf.identity(value)
    if not known:
        words = [str(tf.get_static_value(f) if tf.is_tensor(f) else f) for f in came]
        raise ValueError(" ".join([message, *words]) + ".")
    return value


def is_integer(value, least=-math.inf):
    """Whether `value` is an integer of Python or NumPy, no truth value, and at least `least`."""
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return integer and value >= least


def check_at_least(name, value, least):
    """Refuses anything but integers of at least `least`.

    Raises:
      ValueError: that calls the value by its `name`.
    """
    if not is_integer(value, least):
        raise ValueError(f"{name} is an integer of at least {least}, got {value!r}.")


def checked_number(num):
    """A number of samples, an integer or a scalar tensor of integers, as an int32 tensor.

    Raises:
      ValueError: if it is not whole, or not from 1 to 2^31 - 1; see `ensured`.
    """
    whole = is_integer(num)
    if not whole and not _is_scalar(num, lambda dtype: dtype.is_integer):
        raise ValueError(f"The number of samples is a whole number of at least 1, got {num!r}.")
    least = "The number of samples must be at least 1, got"
    if whole:
        if num < 1:
            raise ValueError(f"{least} {num}.")
        if num >= 2**31:
            raise ValueError(f"The number of samples must be less than 2^31, got {num}.")
        return tf.constant(num, tf.int32)
    num = tf.cast(num, tf.int32)
    return ensured(num, num >= 1, least, num)


def checked_temperature(temperature):
    """A temperature, a number or a scalar tensor, as a float32 tensor.

    Raises:
      ValueError: if it is no number, negative, or not finite; see `ensured`.
    """
    return _checked_scale("temperature", temperature)


def checked_guidance(weight):
    """A weight of guidance, a number or a scalar tensor, as a float32 tensor.

    Raises:
      ValueError: if it is no number, negative, or not finite; see `ensured`.
    """
    return _checked_scale("weight of guidance", weight)


def _checked_scale(name, value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number and not _is_scalar(value, lambda d: d.is_floating or d.is_integer):
        raise ValueError(f"The {name} is a number of at least 0, got {value!r}.")
    if number:
        if not 0 <= value <= LARGEST_FLOAT:
            raise ValueError(f"The {name} must be finite and at least 0, got {value}.")
        return tf.constant(float(value), tf.float32)
    value = tf.cast(value, tf.float32)
    holds = tf.math.is_finite(value) & (value >= 0)
    return ensured(value, holds, f"The {name} must be finite and at least 0, got", value)


def _is_scalar(value, has_type):
    """Whether `value` is a tensor or an array of one number whose type is right."""
    array = isinstance(value, np.ndarray | np.generic) or tf.is_tensor(value)
    return array and has_type(tf.as_dtype(value.dtype)) and len(value.shape) == 0
