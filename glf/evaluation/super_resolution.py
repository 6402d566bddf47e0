"""Images drawn from their small versions against the originals: PSNR and SSIM."""

import numpy as np
import tensorflow as tf

from glf.evaluation import pictures
from glf.evaluation.conditional_samples import ConditionalSamples, condition_of
from glf.evaluation.reconstruction import mean_squared_error, peak_signal_to_noise_ratio
from glf.evaluation.report import metric
from glf.evaluation.structural_similarity import structural_similarity, window_side

_WHAT = {
    "sample": "one sample",
    "mean": "the mean of {} samples",
    "bicubic": "bicubic interpolation of the condition, without a model",
}


class SuperResolution(ConditionalSamples):
    """Samples of a model that is conditioned on smaller versions of its images.

    "sample" is the mean of the metrics of each of S samples. A sample has detail of its own and is
    punished for it where the original has other detail; the mean of many samples approaches the
    mean of the model, which squared error prefers, and is blurred like it. Bicubic interpolation
    is what any model has to beat.

    The picture's columns are condition (enlarged by repetition), bicubic, a sample, the mean of
    the samples, original.
    """

    of = "models conditioned on smaller versions of their images (the encoder Downsampled)"

    def refusal(self, subject):
        """Other models have another condition, or one that is no smaller image of theirs."""
        model = subject.model
        encoder, image = model.condition_encoder, model.spec.shape
        if encoder is not None and encoder.kind == "image":
            shape = tuple(encoder.condition_spec.shape[1:])
            no_larger = len(shape) == 3 and shape[0] <= image[0] and shape[1] <= image[1]
            if no_larger and shape[2] == image[2]:
                return None
        name = type(model).__name__
        return f"for {self.of}; the condition of this {name} is {condition_of(model)}"

    def _compare(self, means, spec, image, condition, drawn):
        top = spec.levels - 1
        y, samples = image / top, drawn / top
        against = {
            "sample": samples,
            "mean": samples.mean(0)[None],
            "bicubic": bicubic(condition, y.shape[1:3], spec.levels)[None],
        }
        for name, stacks in against.items():
            for images in stacks:
                psnr = peak_signal_to_noise_ratio(mean_squared_error(y, images))
                means.add(f"psnr_{name}", psnr)
                means.add(f"ssim_{name}", structural_similarity(y, images))
        enlarged = tf.image.resize(condition, y.shape[1:3], "nearest").numpy() / top
        return enlarged, against["bicubic"][0], samples[0], against["mean"][0], y

    def _metrics(self, means, spec):
        metrics, side = {}, window_side(spec.shape[:2])
        for name, what in _WHAT.items():
            what = what.format(self.conditional_samples)
            metrics[f"psnr_{name}"] = metric(
                means[f"psnr_{name}"], "dB", f"mean PSNR of {what}", "higher"
            )
            about = f"mean SSIM of {what}, windows of {side} x {side}"
            metrics[f"ssim_{name}"] = metric(means[f"ssim_{name}"], "", about, "higher")
        return metrics

    def _picture(self, spec, columns):
        shown = [(np.rint(column * 255).astype(np.uint8), 256) for column in columns]
        return pictures.rows_of(*shown, min_side=56)


def bicubic(small, size, levels):
    """Images of integers enlarged to `size` by bicubic interpolation: floats in [0, 1]."""
    y = tf.cast(small, tf.float32) / (levels - 1)
    return tf.clip_by_value(tf.image.resize(y, size, "bicubic"), 0.0, 1.0).numpy()
