"""What the networks of autoregressive flows see of a point: as it is, or rounded."""

import tensorflow as tf

from glf.core.checks import is_integer


def check_fraction_bits(kind, fraction_bits):
    """Raises ValueError unless it is None or an integer from 0 to 20."""
    if fraction_bits is not None and not (is_integer(fraction_bits, 0) and fraction_bits <= 20):
        raise ValueError(
            f"{kind}.fraction_bits is None, or an integer from 0 to 20, got {fraction_bits!r}."
        )


def rounded(values, fraction_bits):
    """Values to the nearest multiple of 2^-fraction_bits, where None: as they are.

    Its gradient is that of the values as they are (straight through).
    """
    if fraction_bits is None:
        return values
    steps = 2.0**fraction_bits
    nearest = tf.round(values * steps) / steps
    # Both operations are exact, as the step is a power of 2 and the nearest within half of it.
    return values + tf.stop_gradient(nearest - values)
