"""Interpolations between images along straight lines in a flow's base space."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.models.abilities import HasLatentFlow


def interpolations(model, dataset, rows, steps, seed, split="test"):
    """Joins random pairs of images of `split` by straight lines in base space.

    With u_a = f(encode(a)) and u_b likewise, column t of a row is
    decode(f^-1((1 - t) u_a + t u_b)) for `steps` values of t from 0 to 1; the images a and b
    themselves stand to the left and to the right. Of a model with noise in its latents encode
    gives their means, without it.

    Returns uint8 [rows * (steps + 2), height, width, channels], row by row.

    Raises:
      ValueError: if the model has no flow on latents, or the split fewer than two images.
    """
    if not isinstance(model, HasLatentFlow):
        raise ValueError(
            f"{type(model).__name__} has no flow on latents, so no base space to interpolate in."
        )
    available = dataset.num_examples(split)
    if available < 2:
        raise ValueError(f"The {split} split of {dataset.name} has {available} images; need two.")
    generator = random.numpy_generator(seed % 2**64, "interpolation")
    chosen = np.stack([generator.choice(available, 2, replace=False) for _ in range(rows)])
    x = dataset.examples(split, chosen.reshape(-1))["x"]
    u = model.to_base(model.encode(tf.constant(x)))
    shape = u.shape[1:]
    u = tf.reshape(u, [rows, 2, 1, -1])
    t = tf.reshape(tf.linspace(0.0, 1.0, steps), [1, steps, 1])
    line = (1 - t) * u[:, 0] + t * u[:, 1]
    z = model.from_base(tf.reshape(line, [rows * steps, *shape]))
    between = model.decode(z).numpy().reshape(rows, steps, *x.shape[1:])
    ends = x.reshape(rows, 2, *x.shape[1:])
    joined = np.concatenate([ends[:, :1], between, ends[:, 1:]], axis=1)
    return joined.reshape(-1, *x.shape[1:])
