"""How close images drawn from their small versions are to the originals: PSNR and SSIM."""

import numpy as np
import tensorflow as tf

from glf.evaluation import pictures
from glf.evaluation.conditional_samples import Means, batches_of_samples, check_positive
from glf.evaluation.reconstruction import mean_squared_error, peak_signal_to_noise_ratio
from glf.evaluation.report import metric

_WHAT = {
    "sample": "one sample",
    "mean": "the mean of {} samples",
    "bicubic": "bicubic interpolation of the condition, without a model",
}


def super_resolution(
    model,
    dataset,
    split="test",
    num_samples=8,
    seed=0,
    examples=None,
    batch_size=64,
    num_pictures=8,
):
    """Measures samples of a model that is conditioned on smaller versions of its images.

    A sample has detail of its own and is punished for it where the original has other detail; the
    mean of many samples approaches the mean of the model, which squared error prefers, and is
    blurred like it. Bicubic interpolation is what any model has to beat.

    Args:
      model: a model whose conditions are images of the same channels and levels, no larger than its
        own.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      num_samples: S, samples for each example; "sample" is the mean of the metrics of each.
      seed: of the samples.
      examples: how many of the split; None: all.
      batch_size: examples at a time.
      num_pictures: rows of the picture.

    Returns ({name: {"value", "unit", "meaning"}}, uint8 pixels of rows: condition (enlarged by
    repetition), bicubic, a sample, the mean of the samples, original).

    Raises:
      ValueError: if the model is not conditioned on such images, or a number is not positive.
    """
    levels = _check(model)
    check_positive(num_pictures=num_pictures)
    means, shown = Means(), []
    for batch, small, drawn in batches_of_samples(
        model, dataset, split, num_samples, seed, examples, batch_size
    ):
        y = batch["image"] / (levels - 1)
        samples = drawn / (levels - 1)
        found = {
            "sample": samples,
            "mean": samples.mean(0)[None],
            "bicubic": bicubic(small, y.shape[1:3], levels)[None],
        }
        for name, images in found.items():
            for image in images:
                psnr = peak_signal_to_noise_ratio(mean_squared_error(y, image))
                means.add(f"psnr_{name}", psnr)
                means.add(f"ssim_{name}", structural_similarity(y, image))
        missing = num_pictures - sum(map(len, shown))
        if missing > 0:
            columns = [_enlarged(small, y.shape[1:3]) / (levels - 1), found["bicubic"][0]]
            columns += [samples[0], found["mean"][0], y]
            shown.append(np.stack(columns, 1)[:missing])
    side = _filter_size(model.spec.image_shape[:2])
    metrics = {}
    for name, what in _WHAT.items():
        what = what.format(num_samples)
        metrics[f"psnr_{name}"] = metric(means[f"psnr_{name}"], "dB", f"mean PSNR of {what}")
        about = f"mean SSIM of {what}, windows of {side} x {side}"
        metrics[f"ssim_{name}"] = metric(means[f"ssim_{name}"], "", about)
    columns = np.moveaxis(np.rint(np.concatenate(shown) * 255).astype(np.uint8), 1, 0)
    return metrics, pictures.rows_of(*((column, 256) for column in columns), min_side=56)


def structural_similarity(y, other):
    """SSIM of images in [0, 1], [batch] (Wang et al. 2004, "Image Quality Assessment").

    In Gaussian windows of 11 x 11 with deviation 1.5, as in the paper, or of the largest odd side
    that fits images smaller than that.
    """
    found = tf.image.ssim(
        tf.cast(y, tf.float32),
        tf.cast(other, tf.float32),
        max_val=1.0,
        filter_size=_filter_size(np.shape(y)[1:3]),
        filter_sigma=1.5,
    )
    return found.numpy()


def bicubic(small, size, levels):
    """Images of integers enlarged to `size` by bicubic interpolation: floats in [0, 1]."""
    y = tf.cast(small, tf.float32) / (levels - 1)
    return tf.clip_by_value(tf.image.resize(y, size, "bicubic"), 0.0, 1.0).numpy()


def _filter_size(size):
    side = min(11, *size)
    return side if side % 2 else side - 1


def _enlarged(small, size):
    return tf.image.resize(small, size, "nearest").numpy()


def _check(model):
    spec, kind = model.spec, getattr(model, "condition_kind", None)
    shape = tuple(model.condition_spec.shape[1:]) if kind == "image" else ()
    fits = len(shape) == 3 and shape[2] == spec.image_shape[2]
    if not fits or shape[0] > spec.image_shape[0] or shape[1] > spec.image_shape[1]:
        raise ValueError(
            "Super-resolution is measured of models conditioned on smaller versions of their "
            f"images (the condition encoder Downsampled); the condition of this "
            f"{type(model).__name__} is {kind or 'nothing'}{f' of shape {shape}' if shape else ''}."
        )
    return spec.levels
