"""How much of its noise a model of noisy images takes out in one step."""

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.evaluation import pictures
from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric
from glf.models.denoising import Denoises

SAMPLES = 32  # of the picture


class Denoising(Evaluator):
    """Noise on the images of a split, before and after one step along the score.

    Each value of an image, the middle of its level, gets noise of the model's own deviation σ. With
    the true density of noisy images the step gives the mean of what the image may have been, which
    no other function of the noisy image comes nearer to.
    """

    needs = Denoises
    of = "models of images with Gaussian noise"
    shows = True

    def refusal(self, subject):
        """Why it cannot be measured: another kind of model, or of noise."""
        refusal = super().refusal(subject)
        if refusal is None and subject.model.noise_deviation is None:
            return f"for {self.of}; the noise of this model stays within a level"
        return refusal

    def measure(self, subject):
        """ "noise_left", the mean square after the step over that before it.

        Shows samples, each before and after the step.
        """
        model = subject.model
        squares, count = 0.0, 0
        seed = random.fold(subject.seed, "denoising", subject.split)
        for i, batch in enumerate(subject.batches()):
            clean = (tf.cast(batch["x"], tf.float32) + 0.5) / model.spec.levels
            noise = random.normal(tf.shape(clean), random.fold(seed, i))
            noisy = clean + model.noise_deviation * noise
            found = model.denoised(noisy, model.condition_of(batch))
            squares += float(np.sum(np.square(np.float64(found) - np.float64(clean))))
            count += int(np.prod(clean.shape))
        if subject.show is not None:
            noisy, denoised = model.draw_both(SAMPLES, subject.seed)
            pixels = pictures.in_pairs(noisy.x, denoised.x, model.spec, min_side=32)
            subject.show("denoising", pixels)
        about = (
            f"mean square that one step leaves of Gaussian noise of deviation "
            f"{model.noise_deviation:g} on images in [0, 1], as a share; 1: nothing is taken out"
        )
        left = squares / count / model.noise_deviation**2
        return {"noise_left": metric(left, "", about, "lower")}
