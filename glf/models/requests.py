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
      condition: what the user gave, see `check_conditions`. None: of labels, 0, 1, 2, ... in turn.

    Raises:
      ValueError: see `check_conditions`.
    """
    if encoder is not None and encoder.kind == "label" and condition is None:
        return tf.range(num) % encoder.condition_levels
    check_conditions(encoder, condition, None if tf.is_tensor(num) else num)
    return None if condition is None else tf.cast(condition, tf.int32)


def check_images(spec, x, encoder=None, condition=None):
    """Checks that `x` are images of `spec` and `condition` what `encoder` takes, one for each.

    Args:
      spec: the `DataSpec` of what the model judges.
      x: a tensor; of a symbolic one the values are not known and not checked.
      encoder: the model's `ConditionEncoder`, or None.
      condition: see `check_conditions`.

    Raises:
      ValueError: if they are not; of conditions, see `check_conditions`.
    """
    top = spec.levels - 1
    shape = tuple(spec.image_shape)
    wanted = f"This model judges images of shape {shape}, integers from 0 to {top}"
    if not x.shape.is_compatible_with((None, *spec.image_shape)) or not x.dtype.is_integer:
        raise ValueError(f"{wanted}; got a batch of shape {x.shape}, {x.dtype.name}.")
    if tf.executing_eagerly() and tf.size(x):
        least, most = int(tf.reduce_min(x)), int(tf.reduce_max(x))
        if least < 0 or most > top:
            raise ValueError(f"{wanted}; got values from {least} to {most}.")
    check_conditions(encoder, condition, x.shape[0])


def check_conditions(encoder, condition, num=None):
    """Checks that `condition` is what `encoder` takes: integers [num, *condition_shape].

    Args:
      encoder: the model's `ConditionEncoder`, or None.
      condition: numbers or a tensor; of a symbolic one the values are not known and not checked.
      num: how many there have to be; None where that is not known.

    Raises:
      ValueError: if conditions are missing, or given to a model that takes none, or have another
        shape, type or range.
    """
    if encoder is None:
        if condition is not None:
            raise ValueError("This model takes no condition.")
        return
    top, shape = encoder.condition_levels - 1, (num, *encoder.condition_shape)
    labels = encoder.kind == "label"
    expected = f"integers from 0 to {top}, one for each of {num or 'the'} samples"
    if not labels:
        expected = f"images of shape {encoder.condition_shape}, {expected}"
    if condition is None:
        raise ValueError(f"This model needs conditions: {expected}.")
    symbolic = tf.is_tensor(condition) and not tf.executing_eagerly()
    given = condition if symbolic else np.asarray(condition)
    fits = tf.as_dtype(given.dtype).is_integer
    fits = fits and tf.TensorShape(given.shape).is_compatible_with(shape)
    if fits and (symbolic or not given.size or 0 <= given.min() <= given.max() <= top):
        return
    found = f"{tf.as_dtype(given.dtype).name} of shape {list(given.shape)}"
    if not symbolic and given.size:
        found += f" with values from {given.min()} to {given.max()}"
    name = "Labels" if labels else "Conditions"
    raise ValueError(f"{name} are {expected}; got {found}.")
