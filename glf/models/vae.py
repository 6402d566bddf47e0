"""Variational autoencoders with a reconstruction loss, as GLF has one."""

from types import MappingProxyType

import tensorflow as tf

from glf.dequantizers.bounds import ELBO
from glf.models.abilities import HasLatentDensity
from glf.models.posteriors import GaussianPosterior
from glf.models.reconstruction import SquaredError
from glf.models.variational import Variational, checked_weights
from glf.networks.infogan import InfoGAN
from glf.priors.standard import StandardNormal

MEANINGS = MappingProxyType(
    {
        "reconstruction": "the reconstruction term of the loss, of a draw of the posterior",
        "kl": "KL(q(z | x) || p(z)), or log q(z | x) - log p(z) of a draw",
    }
)


class VAE(Variational, HasLatentDensity):
    """A variational autoencoder on the networks and the loss of GLF, for comparison with it.

    With z ~ q(z | x), y = x / (levels - 1) and the default bound the loss of an example is

      reconstruction_weight * reconstruction(y, decoder(z)) + kl_weight * KL(q(z | x) || p(z)).

    A weight of the KL divergence is what Higgins et al. 2017, "beta-VAE", call beta; one of the
    reconstruction is the beta of Xiao, Yan and Amit 2019, arXiv 1905.10485, who take 400 for their
    VAE with a flow prior. With another bound both weights stand in log w, see `Variational`.

    The reconstruction is no probability of integers, so there are no bits per dimension. Samples
    are the decoder's images of draws from the prior, as those of GLF are.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_autoencoder: makes the `Autoencoder`; see `LatentModel`.
      make_reconstruction: makes the loss of (h, y), per example.
      reconstruction_weight: of the reconstruction.
      kl_weight: of the KL divergence.
      make_prior: makes the `Prior` p(z).
      make_posterior: called with `latent_size`; makes q(z | x).
      make_bound: makes the bound that is trained.
      make_condition_encoder: makes the `ConditionEncoder` of labels; None: no condition.

    Raises:
      ValueError: for a weight that is not positive, and see `Variational`.
    """

    meanings = MEANINGS

    def __init__(
        self,
        spec,
        *,
        latent_size=20,
        make_autoencoder=InfoGAN,
        make_reconstruction=SquaredError,
        reconstruction_weight=1.0,
        kl_weight=1.0,
        make_prior=StandardNormal,
        make_posterior=GaussianPosterior,
        make_bound=ELBO,
        make_condition_encoder=None,
    ):
        weights = checked_weights(
            type(self).__name__, reconstruction_weight=reconstruction_weight, kl_weight=kl_weight
        )
        super().__init__(
            spec,
            latent_size=latent_size,
            make_autoencoder=make_autoencoder,
            make_reconstruction=make_reconstruction,
            make_prior=make_prior,
            make_posterior=make_posterior,
            make_bound=make_bound,
            make_condition_encoder=make_condition_encoder,
        )
        self.reconstruction_weight, self.kl_weight = weights

    def _distortion(self, h, x):
        return self.reconstruction(h, self.to_unit(x))

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "kl"}, each [batch]. `seed` drives the posterior's noise."""
        draws = self._draws(x, seed, condition, training)
        weighted = self.reconstruction_weight * draws.distortion + self.kl_weight * draws.kl
        return {
            "loss": -self.bound(-weighted),
            "reconstruction": tf.reduce_mean(draws.distortion, 0),
            "kl": tf.reduce_mean(draws.kl, 0),
        }
