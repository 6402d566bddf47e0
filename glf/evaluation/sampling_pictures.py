"""Where and when each pixel of a sample became final, as colours."""

import math

import numpy as np
import tensorflow as tf

from glf.evaluation import pictures
from glf.evaluation.heat_map import heat_map
from glf.models.abilities import HasCodes


def call_per_pixel(final_at, image_shape):
    """The call after which all values of a pixel were final, [n, height, width].

    Args:
      final_at: `Samples.final_at`, int [n, d].
      image_shape: (height, width, channels) of what was sampled.
    """
    final_at = np.asarray(final_at)
    return final_at.reshape(len(final_at), *image_shape[:2], -1).max(-1)


def folded(values):
    """Sequences [n, time, 1, ...] in lines, about as many as long: [n, lines, length, ...].

    The end of the last line repeats the last value. Anything wider than one column stays as it is.
    """
    values = np.asarray(values)
    if values.shape[2] > 1:
        return values
    time = values.shape[1]
    length = math.ceil(math.sqrt(time))
    lines = math.ceil(time / length)
    rest = [(0, 0)] * (values.ndim - 3)
    padded = np.pad(values[:, :, 0], [(0, 0), (0, lines * length - time), *rest], mode="edge")
    return padded.reshape(len(values), lines, length, *values.shape[3:])


def samples_and_calls(images, levels, calls, min_side=0):
    """A picture of samples, each with the call at which its pixels became final to its right.

    Below lies a bar of all colours, from the first call at its left end to the last one. Sequences
    are `folded`.

    Args:
      images: integers [n, height, width, channels] in the data's levels.
      levels: the number of levels.
      calls: [n, h, w] from `call_per_pixel`; the images' height and width, or a whole part of them
        where latents were sampled.
      min_side: enlarges both, see `pictures.grid`.

    Returns (uint8 pixels [rows, columns, 3], the last call).

    Raises:
      ValueError: if the maps do not fit the images.
    """
    images, calls = folded(images), folded(calls)
    height, width = images.shape[1:3]
    if height % calls.shape[1] or width % calls.shape[2]:
        raise ValueError(
            f"Maps of {calls.shape[1]} x {calls.shape[2]} calls do not fit images of "
            f"{height} x {width}."
        )
    last = int(calls.max())
    calls = calls.repeat(height // calls.shape[1], 1).repeat(width // calls.shape[2], 2)
    shown = pictures.to_bytes(images, levels)
    shown = np.broadcast_to(shown, (*shown.shape[:3], 3))
    pairs = pictures.side_by_side(shown, heat_map(calls, 1, last))
    columns = 2 * max(1, round(np.sqrt(len(images))))
    pixels = pictures.grid(pairs, 256, columns, min_side=min_side)
    bar = heat_map(np.linspace(1, last, pixels.shape[1]), 1, last)
    bar = np.broadcast_to(bar, (max(8, len(pixels) // 40), *bar.shape))
    return np.concatenate([pixels, bar]), last


def final_at(model, samplers, num, context=None, temperature=1.0, min_side=0):
    """`samples_and_calls` of one of several samplers, one that guesses if there is one.

    Args:
      model: a `DrawsBySampler`.
      samplers: {name: `Sampler`}.
      num: how many samples.
      context: what the condition encoder made of their conditions, or None.
      temperature: multiplies the noise.
      min_side: as of `samples_and_calls`.

    Returns (uint8 pixels, {"sampler", "first_call", "last_call", "caption"}).
    """
    guessing = [name for name in samplers if "ancestral" not in name]
    name = "fixed_point" if "fixed_point" in samplers else (guessing or list(samplers))[0]
    density = model.sampled
    noise = density.noise(num, 0)

    @tf.function(autograph=False)
    def draw():
        return samplers[name](density, noise, context, temperature)

    samples = draw()
    drawn = density.to_data(samples.x)
    images = model.decode(drawn) if isinstance(model, HasCodes) else drawn
    calls = call_per_pixel(samples.final_at, density.data_shape)
    pixels, last = samples_and_calls(images.numpy(), model.spec.levels, calls, min_side)
    caption = f"{name}: from call 1 (dark blue) to call {last} (near white)"
    return pixels, {"sampler": name, "first_call": 1, "last_call": last, "caption": caption}
