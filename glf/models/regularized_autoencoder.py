"""Deterministic autoencoders, regularized or not, with a prior fitted or trained after them."""

from types import MappingProxyType

import tensorflow as tf

from glf.core import random
from glf.models.abilities import HasLatentDensity
from glf.models.fitted_after import FittedAfter
from glf.models.latent_model import LatentModel
from glf.models.reconstruction import SquaredError, mean_image
from glf.networks.infogan import InfoGAN
from glf.priors.fitted import FittedMixture, FittedPrior


class RegularizedAutoencoder(LatentModel, HasLatentDensity, FittedAfter):
    """Regularized autoencoder (Ghosh et al. 2019, arXiv 1903.12436), equations (9) to (12).

    With z = encoder(y), y = x / (levels - 1), the loss of an example is

      loss = reconstruction(y, D(z)) + latent_weight |z|^2 / 2
             + decoder_weight |theta_D|^2 + gradient_weight |dD/dz|_F^2,

    D the decoder's image in [0, 1], theta_D its trainable weights. RAE-L2 has a decoder weight,
    RAE-GP a gradient weight; with all weights 0 it is a plain autoencoder. The square of the
    Jacobian is estimated without bias as |d(v . D)/dz|^2 with one v ~ N(0, I) for each example; in
    training mode the gradient goes through the statistics of batch normalisations, too.

    The prior has no influence on them. A `FittedPrior` is fitted to the latents before each
    checkpoint. Another one is trained, on latents without gradient: its -log p(z) is added to the
    loss. Trained in a stage of its own (`train.stages`) it comes after the autoencoder.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d; of maps [h, w, d], the number at each place.
      make_autoencoder: called with `image_shape` and `latent_size`; makes the `Autoencoder`.
      make_prior: makes the `Prior` of latents.
      make_reconstruction: makes the loss of (h, y), per example.
      make_condition_encoder: makes the `ConditionEncoder` of labels that the prior is conditioned
        on, `OneHotLabels` for one that is fitted; None: the model takes no condition.
      latent_weight, decoder_weight, gradient_weight: as above, each at least 0.

    Raises:
      ValueError: if a number is out of range, or labels are embedded for a prior that is fitted.
    """

    has_maps = True
    meanings = MappingProxyType(
        {
            "reconstruction": "the reconstruction term of the loss",
            "latent_norm": "|z|^2 / 2 of the latents",
            "decoder_norm": "the squared norm of the decoder's weights",
            "jacobian_norm": "the squared norm of the decoder's Jacobian, estimated",
            "latent_nll": "-log p(z) of the latents; not a likelihood of images",
        }
    )

    def __init__(
        self,
        spec,
        *,
        latent_size=20,
        make_autoencoder=InfoGAN,
        make_prior=FittedMixture,
        make_reconstruction=SquaredError,
        make_condition_encoder=None,
        latent_weight=0.0,
        decoder_weight=0.0,
        gradient_weight=0.0,
    ):
        super().__init__(
            spec,
            latent_size=latent_size,
            make_autoencoder=make_autoencoder,
            make_prior=make_prior,
            make_reconstruction=make_reconstruction,
            make_condition_encoder=make_condition_encoder,
        )
        self.weights_of_terms = {
            "latent_norm": latent_weight,
            "decoder_norm": decoder_weight,
            "jacobian_norm": gradient_weight,
        }
        if not all(0 <= weight < float("inf") for weight in self.weights_of_terms.values()):
            raise ValueError(
                "The weights of a RegularizedAutoencoder must be at least 0, got "
                f"latent_weight={latent_weight}, decoder_weight={decoder_weight}, "
                f"gradient_weight={gradient_weight}."
            )
        encoder = self.condition_encoder
        if self.fitted_weights and encoder is not None and encoder.trainable_weights:
            raise ValueError(
                "A prior that is fitted takes labels as they are: bind "
                "RegularizedAutoencoder.make_condition_encoder = @OneHotLabels, got "
                f"{type(encoder).__name__}."
            )

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction"} and those terms that have a weight, each [batch].

        "latent_nll" is in nats, and there for a prior that is trained. `seed` drives v.
        """
        y = self.to_unit(x)
        z = self.autoencoder.encode(y, training)
        weights = {name: w for name, w in self.weights_of_terms.items() if w}
        norms = {}
        if "jacobian_norm" in weights:
            h, norms["jacobian_norm"] = self._h_and_jacobian_norm(z, seed, training)
        else:
            h = self._h(z, training=training)
        if "latent_norm" in weights:
            norms["latent_norm"] = _half_square(z)
        if "decoder_norm" in weights:
            squares = [tf.nn.l2_loss(w.value) for w in self.autoencoder.decoder.trainable_weights]
            norms["decoder_norm"] = tf.fill(tf.shape(z)[:1], 2.0 * tf.add_n(squares))
        terms = {"reconstruction": self.reconstruction(h, y), **norms}
        loss = terms["reconstruction"] + sum(w * norms[name] for name, w in weights.items())
        if not isinstance(self.prior, FittedPrior):
            fixed, context = tf.stop_gradient(z), self._context(condition)
            terms["latent_nll"] = -self.prior.log_prob(fixed, context, training)
            loss += terms["latent_nll"]
        return {"loss": loss, **terms}

    def _h_and_jacobian_norm(self, z, seed, training):
        """The decoder's pre-activations, and |dD/dz|_F^2 of each example, estimated."""
        with tf.GradientTape() as tape:
            tape.watch(z)
            h = self._h(z, training=training)
            v = random.normal(tf.shape(h), random.fold(seed, "jacobian"))
            projected = tf.reduce_sum(v * mean_image(h))
        return h, 2.0 * _half_square(tape.gradient(projected, z))


def _half_square(z):
    """|z|^2 / 2 of each example."""
    return 0.5 * tf.reduce_sum(z**2, range(1, z.shape.rank))
