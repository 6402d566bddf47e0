"""Errors of reconstructions: squared error, PSNR and SSIM, each example once."""

import numpy as np

from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric
from glf.evaluation.structural_similarity import (
    SMALLEST_WINDOW,
    structural_similarity,
    window_side,
)
from glf.models.abilities import Reconstructs

# Below this the squared error counts as this: a perfect reconstruction has 100 dB, not infinity.
MIN_SQUARED_ERROR = 1e-10


class Reconstruction(Evaluator):
    """The error of reconstructions on the [0, 1] scale, before they are rounded to levels."""

    needs = Reconstructs
    of = "models that reconstruct images"
    shared = True

    def measure(self, subject):
        """ "mse" and "psnr", and "ssim" where images have room for a window of it."""
        model = subject.model

        def make(_, batch):
            condition = model.reconstruction_condition_of(batch)
            y, reconstruction = (
                model.to_unit(batch["x"]),
                model.reconstruct_unit(batch["x"], condition),
            )
            return reconstruction_errors(y, reconstruction)

        measured = mean_errors(subject.shares.over("reconstruction", subject.batches, make))
        side = window_side(model.spec.shape[:2])
        also = model.of_reconstructions and f", {model.of_reconstructions}"
        about = {
            "mse": ("", "mean squared error a value, images in [0, 1]", "lower"),
            "psnr": ("dB", "mean over images of 10 log10(1 / mse)", "higher"),
            "ssim": ("", f"mean structural similarity, windows of {side} x {side}", "higher"),
        }
        return {
            name: metric(measured[name], unit, f"{said}{also}", better)
            for name, (unit, said, better) in about.items()
            if name in measured
        }


def mean_squared_error(y, reconstruction):
    """mean over pixels and channels of (reconstruction - y)^2, float64 [batch].

    Args:
      y: images in [0, 1], [batch, height, width, channels].
      reconstruction: the same shape and scale.

    Raises:
      ValueError: if the shapes differ or values lie outside [0, 1].
    """
    y, reconstruction = np.asarray(y, np.float64), np.asarray(reconstruction, np.float64)
    if y.ndim != 4 or y.shape != reconstruction.shape:
        raise ValueError(
            "Images and reconstructions must have one shape [batch, height, width, channels], got "
            f"{y.shape} and {reconstruction.shape}."
        )
    for name, values in (("Images", y), ("Reconstructions", reconstruction)):
        # Written so that NaN fails, too.
        if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
            raise ValueError(
                f"{name} must lie in [0, 1], got [{values.min()}, {values.max()}]; divide integers "
                f"by (levels - 1)."
            )
    return np.mean(np.square(reconstruction - y), axis=(1, 2, 3))


def peak_signal_to_noise_ratio(squared_error):
    """10 log10(1 / squared_error) in decibels, for images on the scale [0, 1].

    Errors under 1e-10 count as 1e-10, so that a perfect reconstruction has 100 dB and a mean over
    examples stays finite.
    """
    squared_error = np.asarray(squared_error, np.float64)
    return -10.0 * np.log10(np.maximum(squared_error, MIN_SQUARED_ERROR))


def reconstruction_errors(y, reconstruction):
    """{"mse", "psnr", "ssim": float64 [batch]} of each example.

    Images less than 3 pixels high or wide have no "ssim".

    Raises:
      ValueError: as `mean_squared_error`.
    """
    error = mean_squared_error(y, reconstruction)
    found = {"mse": error, "psnr": peak_signal_to_noise_ratio(error)}
    if window_side(np.shape(y)[1:3]) >= SMALLEST_WINDOW:
        found["ssim"] = structural_similarity(y, reconstruction).astype(np.float64)
    return found


def mean_errors(batches):
    """Means over all examples of `batches`, each as of `reconstruction_errors`, in float64.

    Every example counts once whatever the sizes of the batches. "psnr" is the mean of the
    examples' own PSNR, not the PSNR of the mean error.

    Returns:
      {"mse", "psnr", "ssim", "num_examples"}.

    Raises:
      ValueError: if there is no example.
    """
    count, sums = 0, {}
    for errors in batches:
        count += len(errors["mse"])
        for name, values in errors.items():
            sums[name] = sums.get(name, 0.0) + values.sum()
    if count == 0:
        raise ValueError("Reconstruction metrics need at least one example, got none.")
    return {name: float(value / count) for name, value in sums.items()} | {"num_examples": count}


def reconstruction_metrics(pairs):
    """`mean_errors` of pairs (y, reconstruction)."""
    return mean_errors(reconstruction_errors(*pair) for pair in pairs)
