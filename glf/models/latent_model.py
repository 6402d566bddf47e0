"""A model with an autoencoder and a density of its latents: what all of them have in common."""

import math

import tensorflow as tf

from glf.core.part import made_by
from glf.models.abilities import HasLatents
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_images
from glf.models.reconstruction import mean_image
from glf.priors.base import BaseDensity


class LatentModel(GenerativeModel, HasLatents):
    """Images x to latents z [batch, latent_size] and back, and a `Prior` p(z) to draw them from.

    A subclass writes its loss, `_loss_terms`, and says which abilities it has; `HasLatentDensity`
    finds its `_latent_log_prob` here. The image of a sample is decoder(z), z ~ p(z).

    Of a model with labels c the prior is p(z | c). With `conditional_decoder` the decoder is given
    them, too, behind z, and so everything that decodes needs them.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_autoencoder: called with `image_shape` and `latent_size`, and with `encoded` and
        `decoded` where the encoder gives, or the decoder takes, another number, and `outputs` where
        h has more numbers than the image; makes the `Autoencoder`, from images in [0, 1] to z and
        from z to pre-activations h, which become the image (tanh h + 1) / 2.
      make_prior: makes the `Prior` of latents, a part that is built here.
      make_reconstruction: makes the loss of (h, y), per example; None: there is none.
      make_condition_encoder: makes the `ConditionEncoder` of labels; None: no condition.
      sizes: `encoded` and `outputs` of the autoencoder, where they are not the usual ones.

    Attributes:
      conditional_decoder: whether labels are given to the decoder.
      prior_is: the argument that makes the prior, and the parameter group of its weights.

    Raises:
      ValueError: if `latent_size` is not positive, if conditions are other than labels, or if
        nothing could depend on them.
    """

    conditional_decoder = False
    prior_is = ("make_prior", "prior")

    def __init__(
        self,
        spec,
        *,
        latent_size,
        make_autoencoder,
        make_prior,
        make_reconstruction,
        make_condition_encoder=None,
        **sizes,
    ):
        super().__init__(spec)
        name = type(self).__name__
        if latent_size < 1:
            raise ValueError(f"{name}.latent_size must be at least 1, got {latent_size}.")
        self.latent_size = latent_size
        context = self._take_condition(make_condition_encoder, spec)
        if self.condition_kind not in (None, "label"):
            raise ValueError(
                f"The latents of a {name} can be conditioned on labels, not on "
                f"{self.condition_kind}s; bind {name}.make_condition_encoder = @LabelEmbedding."
            )
        context = None if context is None else (None, context[-1])
        self.conditional_reconstruction = self.conditional_decoder and context is not None
        if self.conditional_reconstruction:
            sizes["decoded"] = latent_size + context[-1]
        self.autoencoder = made_by(
            make_autoencoder,
            f"{name}.make_autoencoder",
            image_shape=spec.shape,
            latent_size=latent_size,
            **sizes,
        )
        self.reconstruction = None
        if make_reconstruction is not None:
            self.reconstruction = made_by(make_reconstruction, f"{name}.make_reconstruction")
        self.prior = made_by(make_prior, f"{name}.{self.prior_is[0]}")
        self.prior.build((None, latent_size), context)
        if context and not self.conditional_decoder and isinstance(self.prior, BaseDensity):
            raise ValueError(
                f"{name} is conditioned on labels through its prior, but a "
                f"{type(self.prior).__name__} is the same for all of them; take a Flow, or a "
                "FittedMixture where the model can have one."
            )
        self.built = True

    def parameter_groups(self):
        """ "autoencoder", and the prior's if it has weights that are trained.

        What the reconstruction loss learns belongs to the autoencoder, an encoder of conditions to
        what it conditions: to the decoder, or else the prior.
        """
        group = self.prior_is[1]
        groups = {
            "autoencoder": [
                *self.autoencoder.trainable_weights,
                *getattr(self.reconstruction, "trainable_weights", ()),
            ],
            group: list(self.prior.trainable_weights),
        }
        if self.condition_encoder is not None:
            reader = "autoencoder" if self.conditional_reconstruction else group
            groups[reader] += self.condition_encoder.trainable_weights
        return {name: weights for name, weights in groups.items() if weights}

    def _context(self, condition):
        """What the encoder makes of labels: a vector for each, [batch, features]."""
        context = super()._context(condition)
        return None if context is None else context[:, 0, 0]

    def _h(self, z, context=None, training=False):
        """The decoder's pre-activations of latents."""
        if self.conditional_reconstruction:
            z = tf.concat([z, context], 1)
        return self.autoencoder.decode(z, training)

    def _encode(self, x, condition):
        return self.autoencoder.encode(self.to_unit(x))

    def _decode(self, z, condition):
        return mean_image(self._h(z, self._context(condition)))

    def _draw(self, num, seed, temperature, condition):
        """Draws latents, and maps them through the decoder to images."""
        z = self._draw_latents(num, seed, temperature, condition)
        # A saturated decoder makes a finite image of any latents.
        finite = tf.reduce_all(tf.math.is_finite(z), 1)[:, None, None, None]
        y = self._decode(z, condition)
        return drawn_images(tf.where(finite, y, math.nan), self.spec.levels)

    def _draw_latents(self, num, seed, temperature, condition):
        """Latents of the prior, [num, latent_size]."""
        return self.prior.sample(num, seed, temperature, self._context(condition))

    def _latent_log_prob(self, z, condition):
        """log p(z) of the prior, [batch], in nats."""
        return self.prior.log_prob(z, self._context(condition))
