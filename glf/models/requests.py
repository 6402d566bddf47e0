"""What users ask of `sample`, checked."""

import numpy as np
import tensorflow as tf


def check_request(num, temperature):
    """Checks a number of samples and a temperature, where they are no tensors.

    Raises:
      ValueError: if `num` is not positive or `temperature` negative.
    """
    if not tf.is_tensor(num) and num < 1:
        raise ValueError(f"The number of samples must be at least 1, got {num}.")
    if not tf.is_tensor(temperature) and not temperature >= 0:
        raise ValueError(f"The temperature must be at least 0, got {temperature}.")


def conditions_for(encoder, num, condition=None):
    """The conditions of `num` samples as a tensor, or None for a model without.

    Args:
      encoder: the model's `ConditionEncoder`, or None: then what is given is handed on.
      num: the number of samples.
      condition: what the user gave: integers, one row for each sample. None: of labels, 0, 1, 2,
        ... in turn.

    Raises:
      ValueError: if conditions are missing, or have another shape, type or range; the values of
        symbolic tensors are not known and not checked.
    """
    if encoder is None:
        return condition if condition is None else tf.convert_to_tensor(condition)
    if condition is None:
        if encoder.kind != "label":
            raise ValueError(
                f"This model is conditioned on images of shape {encoder.condition_shape}: give "
                "one for each sample."
            )
        return tf.range(num) % encoder.condition_levels
    known = not tf.is_tensor(num) and (not tf.is_tensor(condition) or tf.executing_eagerly())
    if known:
        _check_conditions(encoder, num, np.asarray(condition))
    return tf.cast(condition, tf.int32)


def _check_conditions(encoder, num, given):
    right = given.dtype.kind in "iu" and given.shape == (num, *encoder.condition_shape)
    top = encoder.condition_levels - 1
    if right and 0 <= given.min() <= given.max() <= top:
        return
    if encoder.kind == "label":
        raise ValueError(
            f"Labels are integers from 0 to {top}, one for each of {num} samples; got "
            f"{given.tolist()}."
        )
    expected = ", ".join(map(str, (num, *encoder.condition_shape)))
    found = f"{given.dtype} of shape {list(given.shape)}"
    if given.size:
        found += f" with values from {given.min()} to {given.max()}"
    raise ValueError(
        f"Conditions are images [{expected}], one for each sample, of integers from 0 to {top}; "
        f"got {found}."
    )
