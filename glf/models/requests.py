"""Checks of what users give to models: numbers, conditions, images, points, latents.

Every function returns what it was given as a tensor of the type that models work with. Values that
are known are refused by a ValueError, those of a graph by an assertion in it, see
`glf.core.checks.ensured`.
"""

import numpy as np
import tensorflow as tf

from glf.core.checks import checked_number, checked_temperature, ensured


def check_request(num, temperature):
    """A number of samples and a temperature as tensors, int32 and float32.

    Raises:
      ValueError: see `glf.core.checks`.
    """
    return checked_number(num), checked_temperature(temperature)


def conditions_for(encoder, num, condition=None):
    """The conditions of `num` samples as int32, or None for a model without.

    Args:
      encoder: the model's `ConditionEncoder`, or None.
      num: the number of samples.
      condition: what the user gave, see `check_conditions`. None: of labels, 0, 1, 2, ... in turn.

    Raises:
      ValueError: see `check_conditions`.
    """
    if encoder is not None and encoder.kind == "label" and condition is None:
        return tf.range(num) % encoder.condition_levels
    return check_conditions(encoder, condition, num)


def check_data(spec, x, in_graph=True):
    """Data of `spec` as a tensor: images, see `check_images`, or points, see `check_points`."""
    check = check_points if spec.levels is None else check_images
    return check(spec, x, in_graph)


def check_images(spec, x, in_graph=True):
    """Images [batch, height, width, channels] of `spec`, integers in its levels, as a tensor.

    Args:
      spec: the `DataSpec` of what the model takes.
      x: numbers or a tensor.
      in_graph: whether values that are not known yet get an assertion; shape and type are looked
        at anyway.

    Raises:
      ValueError: if they are not that.
    """
    top = spec.levels - 1
    wanted = f"This model takes images of shape {tuple(spec.shape)}, integers from 0 to {top}"
    x = tf.convert_to_tensor(x)
    if not x.shape.is_compatible_with((None, *spec.shape)) or not x.dtype.is_integer:
        raise ValueError(f"{wanted}; got a batch of shape {x.shape}, {x.dtype.name}.")
    x = _within(x, top, f"{wanted}; got values from", in_graph)
    x = tf.ensure_shape(x, (None, *spec.shape))
    return tf.cast(x, tf.uint8) if spec.levels <= 256 else x


def check_points(spec, x, in_graph=True):
    """Points [batch, d] of `spec`, finite real numbers, as float32.

    Arguments and errors as of `check_images`.
    """
    shape = ", ".join(map(str, spec.shape))
    return _finite(x, spec.shape, f"This model takes points [batch, {shape}]", in_graph)


def check_latents(spec, z, categories=None, kind="latents"):
    """Latents of `spec`, a `tf.TensorSpec` of a batch, as a tensor of its type.

    Args:
      spec: of real numbers, which have to be finite, or of integers, which are codes.
      z: numbers or a tensor.
      categories: codes are in {0, ..., categories - 1}.
      kind: what they are called.

    Raises:
      ValueError: if they are not that.
    """
    shape = ", ".join(map(str, spec.shape[1:]))
    if not spec.dtype.is_integer:
        return _finite(z, spec.shape[1:], f"This model takes {kind} [batch, {shape}]", True)
    wanted = f"This model takes codes [batch, {shape}], integers from 0 to {categories - 1}"
    z = tf.convert_to_tensor(z)
    if not z.shape.is_compatible_with(spec.shape) or not z.dtype.is_integer:
        raise ValueError(f"{wanted}; got a batch of shape {z.shape}, {z.dtype.name}.")
    z = _within(z, categories - 1, f"{wanted}; got values from", True)
    return tf.cast(tf.ensure_shape(z, spec.shape), spec.dtype)


def check_conditions(encoder, condition, num=None, in_graph=True):
    """The conditions that `encoder` takes, integers [num, *condition_shape], as int32, or None.

    Args:
      encoder: the model's `ConditionEncoder`, or None.
      condition: numbers or a tensor.
      num: how many there have to be, a number or a scalar tensor; None where that is not known.
      in_graph: see `check_images`.

    Raises:
      ValueError: if conditions are missing, or given to a model that takes none, or have another
        shape, type or range.
    """
    if encoder is None:
        if condition is not None:
            raise ValueError("This model takes no condition.")
        return None
    top, number = encoder.condition_levels - 1, None if num is None else tf.get_static_value(num)
    labels = encoder.kind == "label"
    how_many = "the" if number is None else number
    expected = f"integers from 0 to {top}, one for each of {how_many} samples"
    if not labels:
        expected = f"images of shape {encoder.condition_shape}, {expected}"
    if condition is None:
        raise ValueError(f"This model needs conditions: {expected}.")
    message = f"{'Labels' if labels else 'Conditions'} are {expected}; got"
    shape = (number, *encoder.condition_shape)
    if tf.is_tensor(condition) and not tf.executing_eagerly():
        condition = _symbolic_conditions(condition, shape, top, message, num, in_graph)
    else:
        condition = _known_conditions(np.asarray(condition), shape, top, message)
    return tf.cast(condition, tf.int32)


def _known_conditions(values, shape, top, message):
    """An array of integers of that shape, from 0 to `top`."""
    # Integers of more than 64 bits make an array of objects.
    integers = values.dtype != object and tf.as_dtype(values.dtype).is_integer
    fits = integers and tf.TensorShape(values.shape).is_compatible_with(shape)
    if not fits or (values.size and not 0 <= values.min() <= values.max() <= top):
        came = f"{values.dtype.name} of shape {list(values.shape)}"
        if values.size:
            came += f" with values from {values.min()} to {values.max()}"
        raise ValueError(f"{message} {came}.")
    return values


def _symbolic_conditions(values, shape, top, message, num, in_graph):
    """The same of a tensor of a graph, with an assertion on what is not known yet."""
    if not values.dtype.is_integer or not values.shape.is_compatible_with(shape):
        raise ValueError(f"{message} {values.dtype.name} of shape {list(values.shape)}.")
    if not in_graph:
        return values
    wide = tf.cast(values, tf.int64)
    holds = tf.reduce_all((wide >= 0) & (wide <= top))
    if num is not None:
        holds &= tf.shape(values)[0] == num
    least, most = tf.reduce_min(wide), tf.reduce_max(wide)
    came = (tf.shape(values), "with values from", least, "to", most)
    return ensured(values, holds, f"{message} shape", *came)


def _within(x, top, message, in_graph):
    """Integers from 0 to `top`, which their type may say already."""
    if x.dtype.min >= 0 and x.dtype.max <= top:
        return x
    if not (in_graph or tf.executing_eagerly()) or x.shape.num_elements() == 0:
        return x
    # Compared as 64 bits: `top` may be more than the type holds.
    wide = tf.cast(x, tf.uint64 if x.dtype == tf.uint64 else tf.int64)
    holds = tf.reduce_all((wide >= 0) & (wide <= tf.constant(top, wide.dtype)))
    return ensured(x, holds, message, tf.reduce_min(x), "to", tf.reduce_max(x))


def _finite(x, shape, wanted, in_graph):
    """Finite real numbers [batch, *shape], as float32."""
    x = tf.convert_to_tensor(x)
    wanted = f"{wanted} of finite real numbers"
    if not x.shape.is_compatible_with((None, *shape)) or not x.dtype.is_floating:
        raise ValueError(f"{wanted}; got a batch of shape {x.shape}, {x.dtype.name}.")
    x = tf.cast(x, tf.float32)
    # What is known takes a fraction of the time to look at.
    seen = tf.executing_eagerly() and np.isfinite(x.numpy()).all()
    if not seen and (in_graph or tf.executing_eagerly()):
        finite = tf.math.is_finite(x)
        count = tf.math.count_nonzero(~finite)
        message = f"{wanted}; of these were not finite:"
        x = ensured(x, tf.reduce_all(finite), message, count)
    return tf.ensure_shape(x, (None, *shape))
