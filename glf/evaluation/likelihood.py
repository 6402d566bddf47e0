"""Likelihoods of data in the unit that papers compare: bits per dimension."""

import math


def bits_per_dim(nats, image_shape):
    """-log P(x) in nats to bits per dimension: nats / (log 2 * height * width * channels).

    Args:
      nats: a number or an array of them, per example.
      image_shape: (height, width, channels) of the integers x.
    """
    return nats / (math.log(2) * math.prod(image_shape))
