"""The two-stage variational autoencoder."""

from types import MappingProxyType

import tensorflow as tf

from glf.core import random
from glf.core.part import made_by
from glf.dequantizers.bounds import ELBO
from glf.models.posteriors import GaussianPosterior
from glf.models.reconstruction import LearnedVariance
from glf.models.second_stage import SecondStage
from glf.models.vae import MEANINGS
from glf.models.variational import Variational, by_draws
from glf.networks.infogan import InfoGAN
from glf.priors.standard import StandardNormal


class TwoStageVAE(Variational):
    """A VAE whose latents a second VAE models (Dai, Wipf 2019, arXiv 1903.05789, section 4).

      loss = reconstruction(y, decoder(z)) + KL(q(z | x) || N(0, I)) + second stage's loss of z'

    where z ~ q(z | x) and z' is z with its gradient stopped: the second stage, `SecondStage`,
    follows the first and has no influence on it. Samples are images of the second stage's latents,
    of which there is no density in closed form. Trained one after the other, as published, with
    `train.stages`; without, both are trained together.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_autoencoder: makes the `Autoencoder`; see `LatentModel`.
      make_reconstruction: makes the loss of (h, y), per example.
      make_posterior: called with `latent_size`; makes q(z | x).
      make_second_stage: called with `latent_size`; makes the second VAE.
      make_condition_encoder: makes the `ConditionEncoder` of labels, which both decoders and the
        second encoder are given; None: no condition.

    Raises:
      ValueError: see `LatentModel`.
    """

    prior_is = ("make_prior", "second_stage")
    meanings = MappingProxyType(
        {
            **MEANINGS,
            "second_reconstruction": "-log p(z | u) of the second stage, a density of latents",
            "second_kl": "KL(q(u | z) || N(0, I)) of the second stage",
        }
    )

    def __init__(
        self,
        spec,
        *,
        latent_size=20,
        make_autoencoder=InfoGAN,
        make_reconstruction=LearnedVariance,
        make_posterior=GaussianPosterior,
        make_second_stage=SecondStage,
        make_condition_encoder=None,
    ):
        super().__init__(
            spec,
            latent_size=latent_size,
            make_autoencoder=make_autoencoder,
            make_reconstruction=make_reconstruction,
            make_prior=StandardNormal,
            make_posterior=make_posterior,
            make_bound=ELBO,
            make_condition_encoder=make_condition_encoder,
        )
        self.second_stage = made_by(
            make_second_stage, "TwoStageVAE.make_second_stage", latent_size=latent_size
        )
        encoder = self.condition_encoder
        self.second_stage.build(None if encoder is None else (None, encoder.context_shape[-1]))

    def _distortion(self, h, x):
        return self.reconstruction(h, self.to_unit(x))

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "kl", "second_reconstruction", "second_kl"}, each [batch].

        `seed` drives the noise of both posteriors.
        """
        draws = self._draws(x, seed, condition, training)
        fixed = tf.stop_gradient(draws.z)
        context = None if draws.context is None else tf.stop_gradient(draws.context)
        second = self.second_stage.loss_terms(
            fixed, random.fold(seed, "second stage"), context, training
        )
        parts = (draws.distortion, draws.kl, *(by_draws(term, 1) for term in second))
        names = ("reconstruction", "kl", "second_reconstruction", "second_kl")
        terms = {name: tf.reduce_mean(part, 0) for name, part in zip(names, parts, strict=True)}
        return {"loss": tf.add_n(list(terms.values())), **terms}

    def parameter_groups(self):
        """ "autoencoder" and "second_stage"."""
        second = {"second_stage": self.second_stage.trainable_weights}
        return super().parameter_groups() | second

    def _draw_latents(self, num, seed, temperature, condition):
        """Latents of the second stage."""
        return self.second_stage.sample(num, seed, temperature, self._context(condition))
