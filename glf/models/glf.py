"""Generative Latent Flow: a deterministic autoencoder and a flow on its latents, one stage."""

import math
from types import MappingProxyType

import tensorflow as tf

from glf.core.fused import fused
from glf.core.part import made_by
from glf.models.abilities import HasInnerLoss, HasLatentFlow, HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_images
from glf.models.reconstruction import SquaredError, mean_image
from glf.networks.infogan import InfoGAN
from glf.priors.flow import Flow


class GLF(GenerativeModel, HasLatentFlow, HasRoundTrip, HasInnerLoss):
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
      beta: the weight of the reconstruction.
      stop_gradient: whether the flow's loss is kept from the encoder.
    """

    round_trip_of = "latents"
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
        beta=1.0,
        stop_gradient=True,
    ):
        super().__init__(spec)
        if latent_size < 1:
            raise ValueError(f"GLF.latent_size must be at least 1, got {latent_size}.")
        if not beta > 0:
            raise ValueError(f"GLF.beta must be positive, got {beta}.")
        self.latent_size = latent_size
        self.beta = beta
        self.stop_gradient = stop_gradient
        self.autoencoder = made_by(
            make_autoencoder,
            "GLF.make_autoencoder",
            image_shape=spec.shape,
            latent_size=latent_size,
        )
        self.reconstruction = made_by(make_reconstruction, "GLF.make_reconstruction")
        self.flow = made_by(make_flow, "GLF.make_flow")
        self.flow.build((None, latent_size))
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "latent_nll"}, each [batch] in nats. `seed` is not used."""
        return self._loss_terms_and_features(x, seed, training, condition)[0]

    def _loss_terms_and_features(self, x, seed, training, condition):
        """The loss terms, and the latents that the flow's own loss needs: {"flow": z}."""
        del seed
        y = self.to_unit(x)
        z = self.autoencoder.encode(y, training)
        reconstruction = self.reconstruction(self.autoencoder.decode(z, training), y)
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

    def parameter_groups(self):
        """ "autoencoder" and "flow"."""
        return {
            "autoencoder": self.autoencoder.trainable_weights,
            "flow": self.flow.trainable_weights,
        }

    def _draw(self, num, seed, temperature, condition):
        """Draws u ~ temperature * N(0, I), maps it through flow and decoder to images."""
        z = self.flow.sample(num, seed, temperature, self._context(condition))
        # A saturated decoder makes a finite image of any latents.
        finite = tf.reduce_all(tf.math.is_finite(z), 1)[:, None, None, None]
        y = self._decode(z, condition)
        return drawn_images(tf.where(finite, y, math.nan), self.spec.levels)

    def _latent_log_prob(self, z, condition):
        """log p(z) = log N(f(z); 0, I) + log|det df/dz|."""
        return self.flow.log_prob(z, self._context(condition))

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

    def _encode(self, x, condition):
        return self.autoencoder.encode(self.to_unit(x))

    def _decode(self, z, condition):
        return mean_image(self.autoencoder.decode(z))
