"""Gaussian mixtures fitted afterwards to the latents of a model, beside its own density."""

import math

import numpy as np
import tensorflow as tf
from absl import logging

from glf.evaluation import pictures
from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.fid import distance, is_too_long
from glf.evaluation.fitted_mixtures import (
    BATCH,
    Latents,
    Mixture,
    MixtureByLabel,
    latents_of,
    log_shares,
)
from glf.evaluation.frechet import Moments
from glf.evaluation.report import metric
from glf.models.abilities import HasCodes, HasLatentDensity
from glf.models.fitted_after import FittedAfter

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

    Of a model whose density is one of latents given a label c it is

      p(z) = sum_c p(c) p(z | c),

    with p(c) the share of the label in training; samples have the labels of the split, see
    `Samples`. Beside each mixture that knows no labels there is one of as many Gaussians that does.

    Args:
      components: Also fit a mixture of so many Gaussians to the latents of the train split and
        hold it against the model's own density, in nats and, with feature_samples, by the samples
        decoded. Repeatable.
    """

    needs = HasLatentDensity
    of = "models with a density of latents"
    switch = "components"
    shows = True
    ranks = False

    def __init__(self, components=(), **shared):
        super().__init__(**shared)
        self.components = tuple(components)

    def refusal(self, subject):
        """Why there is nothing to compare: codes, conditions, or, with features, the data."""
        model = subject.model
        if not isinstance(model, HasLatentDensity):
            return super(FeatureEvaluator, self).refusal(subject)
        if isinstance(model, HasCodes):
            return "for latents of real numbers; codes are none"
        if model.condition_kind not in (None, "label") or model.conditional_reconstruction:
            return (
                "for models without conditions, or with labels that their decoder does not see: of "
                "others latents are not comparable"
            )
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
        for density, about, fit in self._mixtures(subject):
            logging.info("Fitting %s to the latents.", about)
            mixture = subject.once(fit)
            numbers = mixture.nll(subject.once(Latents(split))), mixture.train_nll
            metrics |= _nats(density, about, split, *numbers, mixture.parameters)
            if subject.show is not None:
                images = mixture.images(subject, SHOWN)
                pixels = pictures.grid(images, subject.model.spec.levels)
                subject.show(f"samples_{density}", pixels)
        return metrics | (super().measure(subject) if self.feature_samples else {})

    def compare(self, features):
        """ "fid_NAME_DENSITY" of each density.

        Temperature and guidance are the model's alone, and only its metric is called so.
        """
        subject, num = features.subject, self.feature_samples
        real = features.real(count=MOST_REAL).features
        if is_too_long(features, real):
            return {}
        name = f"fid_{features.extractor.name}"
        own = f"the model's own density{self.samples.said}"
        moments = Moments.of(real)
        found = {f"{features.called('fid')}_{MODEL}": (own, features.samples())}
        for density, about, fit in self._mixtures(subject):
            images = subject.once(fit).images(subject, num)
            found[f"{name}_{density}"] = about, features.extractor(images)
        return {
            named: metric(
                distance(moments, extracted.features),
                "",
                f"Frechet distance of {num} samples of {about} to {len(real)} images of the "
                f"{subject.split} split; features: {features.extractor.about}",
                "lower",
            )
            for named, (about, extracted) in found.items()
        }

    def _mixtures(self, subject):
        """(name, what it is, what fits it) of each mixture."""
        labels = subject.model.condition_kind and subject.model.spec.num_classes
        for number in self.components:
            about = f"a mixture of {number} Gaussians fitted afterwards"
            yield f"mixture_{number}", about, Mixture(number)
            if labels and number >= labels:
                each = number // labels
                about = f"a mixture of {each * labels} Gaussians, {each} for each label"
                yield f"mixture_{number}_by_label", about, MixtureByLabel(number)


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
            _log_prob(subject, latents_of(model, z[i : i + BATCH])) for i in range(0, len(z), BATCH)
        ]
        return -float(np.concatenate(parts).mean())

    groups = model.parameter_groups()
    weights = [w for name, own in groups.items() if name != "autoencoder" for w in own]
    number = sum(math.prod(w.shape) for w in weights)
    if isinstance(model, FittedAfter) and model.fitted_prior is not None:
        number += model.fitted_prior.parameters
    return nll(subject.split), nll("train"), number


def _log_prob(subject, z):
    """log p(z) under the model's own density, float64 [n], whatever the label."""
    model = subject.model
    if model.condition_kind is None:
        return model.latent_log_prob(z).numpy().astype(np.float64)
    shares = log_shares(subject)
    given = [
        model.latent_log_prob(z, tf.fill([len(z)], label)).numpy().astype(np.float64) + share
        for label, share in enumerate(shares)
        if np.isfinite(share)
    ]
    return np.logaddexp.reduce(given, axis=0)
