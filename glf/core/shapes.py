"""Shapes that a part was built for: events and conditions, and the refusal of others."""

import tensorflow as tf


def known_event(part, input_shape):
    """The event of a shape [None, ...event], as a tuple.

    Raises:
      ValueError: if it is empty or not fully known.
    """
    event = tuple(input_shape)[1:]
    if not event or not all(event):
        raise ValueError(
            f"{type(part).__name__} is built with a shape [None, ...event] whose event is known "
            f"and not empty, got {tuple(input_shape)}."
        )
    return event


def checked_condition(part, condition):
    """A condition as a tensor in the dtype of `part`; None for none.

    Raises:
      ValueError: if there is one where `part.condition_shape` announces none, or none where it
        announces one, or one of another shape.
    """
    announced = part.condition_shape
    shape = None if condition is None else tf.convert_to_tensor(condition).shape
    if shape is None and announced is None:
        return None
    if None in (shape, announced) or not shape[1:].is_compatible_with(announced[1:]):
        raise ValueError(
            f"{type(part).__name__} was built with condition_shape={announced}, but got "
            f"condition={shape}; build it with the shape of the conditions that are passed."
        )
    return tf.cast(condition, part.compute_dtype)
