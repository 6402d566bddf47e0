"""Sizes and checks shared by the image networks."""

import numbers


def halvings(image_shape, num_downsamples):
    """The sizes [(height, width), ...] of an image halved, rounding up, `num_downsamples` times.

    The first entry is the image's own size, so there are num_downsamples + 1.
    """
    sizes = [tuple(image_shape[:2])]
    for _ in range(num_downsamples):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def check_image_network(owner, image_shape, latent_size, **counts):
    """Checks what every encoder and decoder is made from; returns `image_shape` as a tuple.

    Raises:
      ValueError: if `image_shape` is not three positive integers, or if `latent_size` or a member
        of `counts` (name=value) is not positive.
    """
    shape = tuple(image_shape)
    if len(shape) != 3 or any(not isinstance(n, numbers.Integral) or n < 1 for n in shape):
        raise ValueError(
            f"{owner}.image_shape must be (height, width, channels), three positive integers, got "
            f"{shape}."
        )
    for name, value in {"latent_size": latent_size, **counts}.items():
        if value < 1:
            raise ValueError(f"{owner}.{name} must be at least 1, got {value}.")
    return tuple(int(n) for n in shape)
