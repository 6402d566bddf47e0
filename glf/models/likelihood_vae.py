"""Variational autoencoders with a likelihood of integers."""

import math
from types import MappingProxyType

import tensorflow as tf

from glf.core import random
from glf.core.part import made_by
from glf.dequantizers.bounds import ELBO
from glf.families.base import HasMean
from glf.families.bernoulli import Bernoulli
from glf.models.abilities import HasBounds, HasLatentDensity
from glf.models.drawn import drawn_images
from glf.models.posteriors import GaussianPosterior
from glf.models.variational import Variational, checked_weights
from glf.networks.infogan import InfoGAN
from glf.priors.standard import StandardNormal


class LikelihoodVAE(Variational, HasLatentDensity, HasBounds):
    """A variational autoencoder whose decoder gives P(x | z) of the integers x.

      log w = log P(x | z) + log p(z) - log q(z | x),   E[w] = P(x),   z ~ q(z | x),

    with P(x | z) the product over places of a family of integers, whose parameters the decoder
    gives. Every bound of the weights is a lower bound of log P(x): with `ELBO` the loss is

      -log P(x | z) + kl_weight * KL(q(z | x) || p(z))

    (Kingma, Welling 2013, arXiv 1312.6114, equation 10), and with `ImportanceWeighted` that of an
    importance-weighted autoencoder (Burda, Grosse, Salakhutdinov 2015, arXiv 1509.00519, equation
    8). "nll" is minus the bound whatever `kl_weight` is.

    Samples are draws from P(x): latents of the prior, and integers of P(x | z). The image of given
    latents is the family's mean, or its mode where the mean has no closed form.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_autoencoder: makes the `Autoencoder`; see `LatentModel`.
      make_family: makes the `Family` of integers, called with `channels` and `levels`.
      kl_weight: of the KL divergence in what is trained; beta of Higgins et al. 2017, "beta-VAE".
      make_prior: makes the `Prior` p(z).
      make_posterior: called with `latent_size`; makes q(z | x).
      make_bound: makes the bound that is trained.
      make_condition_encoder: makes the `ConditionEncoder` of labels; None: no condition.

    Raises:
      ValueError: for a family of real numbers or a weight that is not positive, and see
        `Variational`.
    """

    meanings = MappingProxyType(
        {
            "reconstruction": "-log P(x | z) of a draw of the posterior, or the mean of draws",
            "kl": "KL(q(z | x) || p(z)), or log q(z | x) - log p(z) of a draw",
        }
    )

    def __init__(
        self,
        spec,
        *,
        latent_size=20,
        make_autoencoder=InfoGAN,
        make_family=Bernoulli,
        kl_weight=1.0,
        make_prior=StandardNormal,
        make_posterior=GaussianPosterior,
        make_bound=ELBO,
        make_condition_encoder=None,
    ):
        name, channels = type(self).__name__, spec.shape[2]
        family = made_by(make_family, f"{name}.make_family", channels=channels, levels=spec.levels)
        if not family.of_levels:
            kind = "all integers" if family.unbounded else "real numbers"
            raise ValueError(
                f"{name} judges integers of {spec.levels} levels, and {type(family).__name__} is a "
                f"family of {kind}; take one of integers, or a VAE, which claims no likelihood of "
                "them."
            )
        (weight,) = checked_weights(name, kl_weight=kl_weight)
        super().__init__(
            spec,
            latent_size=latent_size,
            make_autoencoder=make_autoencoder,
            make_reconstruction=None,
            make_prior=make_prior,
            make_posterior=make_posterior,
            make_bound=make_bound,
            make_condition_encoder=make_condition_encoder,
            outputs=family.places_per_pixel * family.parameter_size,
        )
        self.family, self.kl_weight = family, weight

    @property
    def likelihood(self):
        """The name of the bound that is trained."""
        return self.bound.name

    @property
    def draws_at_once(self):
        """As many as give 256 images 64 MiB of the decoder's numbers, at most 50."""
        numbers = math.prod(self.spec.shape[:2]) * self.autoencoder.outputs
        return min(max(2**24 // (256 * numbers), 1), 50)

    def _distortion(self, h, x):
        """-log P(x | z)."""
        log_prob = self.family.log_prob(self.family.at_places(h), self.family.values_at_places(x))
        return -tf.reduce_sum(log_prob, [1, 2, 3])

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "kl", "nll"}, each [batch] in nats.

        `seed` drives the posterior's noise.
        """
        draws = self._draws(x, seed, condition, training)
        return {
            "loss": -self.bound(-draws.distortion - self.kl_weight * draws.kl),
            "reconstruction": tf.reduce_mean(draws.distortion, 0),
            "kl": tf.reduce_mean(draws.kl, 0),
            "nll": -self.bound(-draws.distortion - draws.kl),
        }

    def _log_weights(self, x, seed, num_samples, condition, training):
        """log w of `num_samples` draws for each example: [num_samples, batch]."""
        draws = self._draws(x, seed, condition, training, num_samples)
        return -draws.distortion - draws.kl

    def _decode(self, z, condition):
        parameters = self.family.at_places(self._h(z, self._context(condition)))
        kind = self.family.mean if isinstance(self.family, HasMean) else self.family.mode
        return self.to_unit(self._pixels(kind(parameters)))

    def _draw(self, num, seed, temperature, condition):
        """Latents of the prior, then integers of P(x | z); `temperature` multiplies both noises."""
        z = self._draw_latents(num, random.fold(seed, "latents"), temperature, condition)
        parameters = self.family.at_places(self._h(z, self._context(condition)))
        noise = self.family.noise(tf.shape(parameters)[:-1], random.fold(seed, "pixels"))
        y = self.to_unit(self._pixels(self.family.decide(parameters, noise, temperature)))
        # Integers are decided of any numbers, and a saturated decoder makes finite ones of any z.
        finite = tf.reduce_all(tf.math.is_finite(z), 1)
        finite &= tf.reduce_all(tf.math.is_finite(parameters), [1, 2, 3, 4])
        y = tf.where(finite[:, None, None, None], y, math.nan)
        return drawn_images(y, self.spec.levels)

    def _pixels(self, values):
        """Values at places [batch, height, width, places, v] as images."""
        return tf.reshape(values, (-1, *self.spec.shape))
