"""Gaussian mixtures fitted afterwards to the latents of a model, beside its own density."""

import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import random
from glf.evaluation import pictures
from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.fid import distance, is_too_long
from glf.evaluation.frechet import Moments
from glf.evaluation.report import metric
from glf.models.abilities import HasCodes, HasLatentDensity
from glf.models.fitted_after import FittedAfter

# Latents are encoded, judged and decoded so many at a time.
BATCH = 1024
SHOWN = 100
MODEL = "model"


class LatentMixtures(FeatureEvaluator):
    """A model's density of its latents beside Gaussian mixtures fitted to the same latents.

    The mixtures have full covariances and are fitted by EM (scikit-learn, one k-means start) to
    the latents of the train split, those of the encoder in inference mode, with the noise that the
    model adds to them, and maps as vectors of all their values. Of each density: minus
    its mean log-density of the judged split's latents and of training latents and, where features
    are asked for, the Frechet distance of what the decoder makes of its samples. The two disagree:
    nats do not rank samples.

    Args:
      components: Also fit a mixture of so many Gaussians to the latents of the train split and
        hold it against the model's own density, in nats and, with feature_samples, by the samples
        decoded. Repeatable.
    """

    needs = HasLatentDensity
    of = "models with a density of latents"
    switch = "components"
    ranks = False

    def __init__(self, components=(), **shared):
        super().__init__(**shared)
        self.components = tuple(components)

    def refusal(self, subject):
        """Why there is nothing to compare: codes, conditions, or, with features, the data."""
        model = subject.model
        if isinstance(model, HasCodes):
            return "for latents of real numbers; codes are none"
        if model.condition_encoder is not None:
            return "for models without conditions, whose latents have one density"
        if self.feature_samples:
            return super().refusal(subject)
        return super(FeatureEvaluator, self).refusal(subject)

    def measure(self, subject):
        """ "latent_nll_DENSITY" and more, where DENSITY is "model", "mixture_10", ...

        Raises:
          ValueError: if a mixture has more components than there are training latents.
        """
        split, of_model = subject.split, _of_model(subject)
        metrics = _nats(MODEL, "the model's own density", split, *of_model)
        for number in self.components:
            logging.info("A mixture of %d Gaussians is fitted to the latents.", number)
            mixture = subject.once(Mixture(number))
            numbers = mixture.nll(subject.once(Latents(split))), mixture.train_nll
            metrics |= _nats(
                f"mixture_{number}", _fitted(number), split, *numbers, mixture.parameters
            )
            if subject.show is not None:
                images = mixture.images(subject, SHOWN)
                pixels = pictures.grid(images, subject.model.spec.levels)
                subject.show(f"samples_mixture_{number}", pixels)
        return metrics | (super().measure(subject) if self.feature_samples else {})

    def compare(self, features):
        """ "fid_NAME_DENSITY" of each density."""
        subject, num = features.subject, self.feature_samples
        real = features.real(count=MOST_REAL).features
        if is_too_long(features, real):
            return {}
        moments, metrics = Moments.of(real), {}
        for number in (None, *self.components):
            if number is None:
                density, about, found = MODEL, "the model's own density", features.samples()
            else:
                density, about = f"mixture_{number}", _fitted(number)
                found = features.extractor(subject.once(Mixture(number)).images(subject, num))
            metrics[f"{features.called('fid')}_{density}"] = metric(
                distance(moments, found.features),
                "",
                f"Frechet distance of {num} samples of {about} to {len(real)} images of the "
                f"{subject.split} split; {features.about}",
                "lower",
            )
        return metrics


def _fitted(number):
    return f"a mixture of {number} Gaussians fitted afterwards"


def _nats(density, about, split, nll, train_nll, parameters):
    """The metrics of one density that need no samples."""
    said = f"-log p(z) of {split} latents under {about}"
    trained = f"the same of training latents, {about}"
    return {
        f"latent_nll_{density}": metric(nll, "nats", said, "lower"),
        f"latent_nll_train_{density}": metric(train_nll, "nats", trained, "lower"),
        f"parameters_{density}": metric(parameters, "", f"numbers that make {about}"),
    }


def _of_model(subject):
    """(nats of the judged latents, of training latents, numbers) of the model's own density."""
    model = subject.model

    def nll(split):
        z = subject.once(Latents(split))
        parts = [
            model.latent_log_prob(_latents(model, z[i : i + BATCH])).numpy()
            for i in range(0, len(z), BATCH)
        ]
        return -float(np.concatenate(parts).astype(np.float64).mean())

    groups = model.parameter_groups()
    weights = [w for name, own in groups.items() if name != "autoencoder" for w in own]
    number = sum(math.prod(w.shape) for w in weights)
    if isinstance(model, FittedAfter) and model.fitted_prior is not None:
        number += model.fitted_prior.parameters
    return nll(subject.split), nll("train"), number


@dataclasses.dataclass(frozen=True)
class Latents:
    """The latents of every example of a split, float64 [num, d], for `Subject.once`.

    As the model's density is to judge them: see `judged_latents`.
    """

    split: str

    def __call__(self, subject):
        """They, in the encoder's inference mode."""
        batches = subject.dataset.eval_batches(self.split, BATCH)
        seed = random.fold(subject.seed, "latents", self.split)
        pieces = [
            subject.model.judged_latents(batch["x"], random.fold(seed, index)).numpy()
            for index, batch in enumerate(batches)
        ]
        z = np.concatenate(pieces).astype(np.float64)
        return z.reshape(len(z), -1)


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A mixture of `number` Gaussians fitted to training latents, for `Subject.once`."""

    number: int

    def __call__(self, subject):
        """The `Fitted`.

        Raises:
          ValueError: if there are fewer latents than components.
        """
        from sklearn.mixture import GaussianMixture  # slow to import, needed only here

        train = subject.once(Latents("train"))
        if len(train) < self.number:
            raise ValueError(
                f"components={self.number} asks for more Gaussians than there are training "
                f"latents, {len(train)}."
            )
        mixture = GaussianMixture(
            self.number, random_state=subject.seed, max_iter=200, reg_covar=1e-6
        )
        mixture.fit(train)
        return Fitted(mixture, -float(mixture.score(train)))


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A mixture that was fitted.

    Attributes:
      mixture: scikit-learn's.
      train_nll: minus the mean log-density of what it was fitted to, in nats.
    """

    mixture: typing.Any
    train_nll: float

    @property
    def parameters(self):
        """Weights, means and covariances: K (1 + d + d (d + 1) / 2) - 1 numbers."""
        number, size = self.mixture.means_.shape
        return number * (1 + size + size * (size + 1) // 2) - 1

    def nll(self, z):
        """Minus the mean log-density of latents [n, d], in nats."""
        return -float(self.mixture.score(z))

    def images(self, subject, num):
        """`num` samples decoded, uint8 in the data's levels."""
        drawn, component = self.mixture.sample(num)
        # scikit-learn sorts its samples by component; a picture should not.
        order = random.numpy_generator(subject.seed, "mixture").permutation(len(component))
        z = drawn[order].astype(np.float32)
        model = subject.model
        pieces = [
            model.decode(_latents(model, z[i : i + BATCH])).numpy() for i in range(0, num, BATCH)
        ]
        return np.concatenate(pieces)


def _latents(model, z):
    """Vectors as the model's latents."""
    return tf.reshape(tf.constant(z, tf.float32), (-1, *model.latent_spec.shape[1:]))
