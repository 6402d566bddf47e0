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
      encoder: the model's `ConditionEncoder`, or None.
      num: the number of samples.
      condition: what the user gave. None: of labels, 0, 1, 2, ... in turn.

    Raises:
      ValueError: if conditions are missing, or are no labels, or are given to a model that takes
        none.
    """
    if encoder is None or encoder.kind != "label":
        if encoder is not None and condition is None:
            raise ValueError(
                f"This model is conditioned on images of shape {encoder.condition_shape}: give "
                "one for each sample."
            )
        return condition if condition is None else tf.convert_to_tensor(condition)
    classes = encoder.num_classes
    if condition is None:
        return tf.range(num) % classes
    if not tf.is_tensor(condition):
        condition = np.asarray(condition)
        whole = condition.dtype.kind in "iu" and condition.shape == (num,)
        if not whole or condition.min() < 0 or condition.max() >= classes:
            raise ValueError(
                f"Labels are integers from 0 to {classes - 1}, one for each of {num} samples; "
                f"got {condition.tolist()}."
            )
    return tf.cast(condition, tf.int32)
