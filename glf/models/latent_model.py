"""A model with an autoencoder and a density of its latents: what all of them have in common."""

import math

import numpy as np
import tensorflow as tf

from glf.core.part import made_by
from glf.models.abilities import HasLatents
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_images
from glf.models.reconstruction import mean_image
from glf.priors.base import BaseDensity


class LatentModel(GenerativeModel, HasLatents):
    """Images x to latents z and back, and a `Prior` p(z) to draw them from.

    Latents are vectors [batch, latent_size], or maps [batch, h, w, latent_size] where the
    autoencoder makes these, as a `SpatialAutoencoder` does, and the model can have them.

    A subclass writes its loss, `_loss_terms`, and says which abilities it has; `HasLatentDensity`
    finds its `_latent_log_prob` here. The image of a sample is decoder(z), z ~ p(z).

    Of a model with labels c the prior is p(z | c). With `conditional_decoder` the decoder is given
    them, too, behind z, and so everything that decodes needs them.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d; of maps, the number at each place.
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
      has_maps: whether latents may be maps.
      latent_shape: the shape of one image's latents, (d,) or (h, w, d).
      prior_is: the argument that makes the prior, and the parameter group of its weights.

    Raises:
      ValueError: if `latent_size` is not positive, if latents are maps that the model cannot have,
        if conditions are other than labels, or if nothing could depend on them.
    """

    conditional_decoder = False
    has_maps = False
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
        self.latent_shape = self._shape_of_latents()
        self.reconstruction = None
        if make_reconstruction is not None:
            self.reconstruction = made_by(make_reconstruction, f"{name}.make_reconstruction")
        self.prior = made_by(make_prior, f"{name}.{self.prior_is[0]}")
        self.prior.build((None, *self.latent_shape), self._context_of_prior(context))
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

    @property
    def latent_spec(self):
        """The `tf.TensorSpec` of a batch of latents."""
        return tf.TensorSpec([None, *self.latent_shape], tf.float32)

    def _shape_of_latents(self):
        """(d,) or, of an autoencoder whose codes are maps, (h, w, d)."""
        code, name = self.autoencoder.code_shape, type(self).__name__
        if len(code) == 1:
            return (self.latent_size,)
        if not self.has_maps:
            raise ValueError(
                f"The latents of a {name} are vectors, but a {type(self.autoencoder).__name__} "
                f"makes maps of shape {code}; take InfoGAN or another autoencoder of vectors, or a "
                "model that has maps of latents, such as GLF."
            )
        return (*code[:-1], self.latent_size)

    def _context_of_prior(self, shape):
        """The shape of what the prior is conditioned on: vectors, and for maps contexts of them."""
        if shape is None or len(self.latent_shape) > 1:
            return shape
        return (None, shape[-1])

    def _context(self, condition):
        """What the encoder makes of labels: [batch, features], for maps [batch, 1, 1, features]."""
        context = super()._context(condition)
        if context is None or len(self.latent_shape) > 1:
            return context
        return context[:, 0, 0]

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
        return self._drawn(self._draw_latents(num, seed, temperature, condition), condition)

    def _drawn(self, z, condition):
        """Images of latents that were drawn, as `Drawn`."""
        # A saturated decoder makes a finite image of any latents.
        finite = tf.reduce_all(tf.math.is_finite(z), np.arange(1, z.shape.rank))
        y = self._decode(z, condition)
        y = tf.where(finite[:, None, None, None], y, math.nan)
        return drawn_images(y, self.spec.levels)

    def _draw_latents(self, num, seed, temperature, condition):
        """Latents of the prior, [num, *latent_shape]."""
        return self.prior._sample(num, seed, temperature, self._context(condition))

    def _latent_log_prob(self, z, condition):
        """log p(z) of the prior, [batch], in nats."""
        return self.prior.log_prob(z, self._context(condition))
