"""Pictures of what models do, on their own data: samples, reconstructions."""

import numpy as np
import tensorflow as tf

from glf.evaluation import density_pictures, pictures
from glf.models.abilities import HasPointDensity, Reconstructs
from glf.models.drawn import drawn_images


def of_progress(model, dataset, num, seed):
    """Yields (name, pixels, `Drawn`) of every picture that a model in training can give.

    Samples, as many as `num` where they are images, and, where the model reconstructs and there
    are validation examples, half as many of these.
    """
    yield "samples", *samples_and_report(model, dataset, num, seed)
    if isinstance(model, Reconstructs) and dataset.num_examples("validation"):
        half = max(num // 2, 1)
        reconstructed = reconstructions_and_report(model, dataset, "validation", half)
        yield "reconstructions", *reconstructed


def samples(model, dataset, num, seed, min_side=0):
    """A grid of `num` samples; of a model conditioned on images, samples beside their examples.

    Raises:
      ValueError: if values of samples are not finite.
    """
    pixels, drawn = samples_and_report(model, dataset, num, seed, min_side)
    drawn.finite()
    return pixels


def samples_and_report(model, dataset, num, seed, min_side=0):
    """The grid of `samples`, and the samples as `Drawn`: how many values were no data's.

    For such a model the conditions are those of the first `num` / 2 validation examples, or
    training examples where there are none, and each example stands to the left of its sample. Where
    the data bring the conditions, each row of a grid of `num` / 4 is condition, sample, example. Of
    a model of points it is `density_pictures.beside_data`, whatever `num`.
    """
    spec = model.spec
    if isinstance(model, HasPointDensity):
        drawn = model.draw(density_pictures.POINTS, seed)
        return density_pictures.beside_data(model, dataset, drawn.x), drawn
    encoder = model.condition_encoder
    if encoder is None or encoder.reads == "label":
        drawn = model.draw(num, seed)
        rate = spec.sample_rate
        return pictures.grid(drawn.x, spec.levels, min_side=min_side, sample_rate=rate), drawn
    split = "validation" if dataset.num_examples("validation") else "train"
    paired = encoder.reads == "condition"
    chosen = np.arange(min(max(num // (4 if paired else 2), 1), dataset.num_examples(split)))
    batch = dataset.examples(split, chosen)
    drawn = model.draw(len(chosen), seed, condition=model.condition_of(batch))
    if paired:
        return pictures.condition_sample_example(batch, drawn.x, spec, min_side), drawn
    return pictures.in_pairs(batch["x"], drawn.x, spec, min_side), drawn


def reconstructions(model, dataset, split, num, min_side=0):
    """A grid of the first `num` images of a split, each with its reconstruction to its right.

    Raises:
      ValueError: if the model does not reconstruct, or values of reconstructions are not finite.
    """
    pixels, drawn = reconstructions_and_report(model, dataset, split, num, min_side)
    drawn.finite()
    return pixels


def reconstructions_and_report(model, dataset, split, num, min_side=0):
    """The grid of `reconstructions`, and these as `Drawn`: how many values were not finite."""
    if not isinstance(model, Reconstructs):
        raise ValueError(f"{type(model).__name__} does not reconstruct images.")
    chosen = np.arange(min(num, dataset.num_examples(split)))
    batch = dataset.examples(split, chosen)
    condition, x = model.reconstruction_condition_of(batch), batch["x"]
    drawn = drawn_images(model.reconstruct_unit(tf.constant(x), condition), model.spec.levels)
    return pictures.in_pairs(x, drawn.x, model.spec, min_side), drawn
