"""Generative Latent Flow: a deterministic autoencoder and a flow on its latents, one stage."""

from types import MappingProxyType

import tensorflow as tf

from glf.core.fused import fused
from glf.models.abilities import HasInnerLoss, HasLatentFlow, HasRoundTrip
from glf.models.latent_model import LatentModel
from glf.models.reconstruction import SquaredError
from glf.networks.infogan import InfoGAN
from glf.priors.flow import Flow


class GLF(LatentModel, HasLatentFlow, HasRoundTrip, HasInnerLoss):
    """Generative Latent Flow (Xiao, Yan and Amit 2019, arXiv 1905.10485).

    With z = encoder(y), y = x / (levels - 1), and the flow's inverse u = f(z), the loss of an
    example is

      loss = beta * reconstruction(y, decoder(z)) - log p(z'),
      log p(z') = log N(f(z'); 0, I) + log|det df/dz'|,

    where z' is z with its gradient stopped: the flow follows the encoder and never pulls on it.
    With `stop_gradient=False` z' is z itself: the paper's regularized GLF, in which `beta` sets
    how far the flow's likelihood may shrink the latents.

    Batch normalisation uses batch statistics in training and its moving averages everywhere else;
    samples are never normalised.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_autoencoder: called with `image_shape` and `latent_size`; makes the `Autoencoder`, from
        images in [0, 1] to z and from z to pre-activations h, which become the image
        (tanh h + 1) / 2.
      make_flow: makes the `Flow` on latents.
      make_reconstruction: makes the loss of (h, y), per example.
      make_condition_encoder: makes the `ConditionEncoder` of labels c, on which the flow is
        conditioned: log p(z' | c); None: the model takes no condition.
      beta: the weight of the reconstruction.
      stop_gradient: whether the flow's loss is kept from the encoder.
    """

    round_trip_of = "latents"
    prior_is = ("make_flow", "flow")
    meanings = MappingProxyType(
        {
            "reconstruction": "the reconstruction term of the loss",
            "latent_nll": "-log p(z) of the latents; not a likelihood of images",
        }
    )

    def __init__(
        self,
        spec,
        *,
        latent_size=20,
        make_autoencoder=InfoGAN,
        make_flow=Flow,
        make_reconstruction=SquaredError,
        make_condition_encoder=None,
        beta=1.0,
        stop_gradient=True,
    ):
        if not beta > 0:
            raise ValueError(f"GLF.beta must be positive, got {beta}.")
        super().__init__(
            spec,
            latent_size=latent_size,
            make_autoencoder=make_autoencoder,
            make_prior=make_flow,
            make_reconstruction=make_reconstruction,
            make_condition_encoder=make_condition_encoder,
        )
        self.beta = beta
        self.stop_gradient = stop_gradient

    @property
    def flow(self):
        """The prior, a `Flow`."""
        return self.prior

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "latent_nll"}, each [batch] in nats. `seed` is not used."""
        return self._loss_terms_and_features(x, seed, training, condition)[0]

    def _loss_terms_and_features(self, x, seed, training, condition):
        """The loss terms, and the latents that the flow's own loss needs: {"flow": z}."""
        del seed
        y = self.to_unit(x)
        z = self.autoencoder.encode(y, training)
        reconstruction = self.reconstruction(self._h(z, training=training), y)
        fixed = tf.stop_gradient(z)
        judged = fixed if self.stop_gradient else z
        latent_nll = -fused(self.flow.log_prob, judged, self._context(condition), training)
        terms = {
            "loss": self.beta * reconstruction + latent_nll,
            "reconstruction": reconstruction,
            "latent_nll": latent_nll,
        }
        return terms, {"flow": fixed}

    def inner_loss(self, group, features, seed, condition=None):
        """-log p(z) of latents `features` under the flow, in training mode: [rows], in nats.

        Raises:
          ValueError: for another group than "flow", or without the stop-gradient, where the
            flow's loss is the encoder's, too.
        """
        del seed
        if group != "flow" or not self.stop_gradient:
            raise ValueError(
                "Only the flow of a GLF with stop_gradient=True can take steps of its own; "
                f"train.updates_per_step names {group!r} with stop_gradient={self.stop_gradient}."
            )
        return -self.flow.log_prob(features, self._context(condition), True)

    def _to_base(self, z, condition):
        """u = f(z)."""
        return self.flow.to_base(z, self._context(condition))

    def _from_base(self, u, condition):
        """z = f^-1(u)."""
        return self.flow.from_base(u, self._context(condition))

    def _round_trip(self, x, seed, condition):
        """Latents, and these through f and back."""
        z = self._encode(x, condition)
        return z, self.flow.round_trip(z, self._context(condition))
