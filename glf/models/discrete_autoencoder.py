"""A discrete autoencoder with an autoregressive prior on its codes."""

import functools
from types import MappingProxyType

import tensorflow as tf

from glf.autoregressive.embedding import OneHot
from glf.autoregressive.model import AutoregressiveModel
from glf.core import random
from glf.core.part import made_by
from glf.data.dataset import DataSpec
from glf.models.abilities import HasCodes
from glf.models.autoregressive import FORECAST, WINDOWED, density_groups
from glf.models.base import GenerativeModel
from glf.models.drawing import DrawsBySampler, rows_of_piece
from glf.models.drawn import drawn_images
from glf.models.quantizers import ArgmaxStraightThrough
from glf.models.reconstruction import SquaredError, mean_image
from glf.networks.spatial_autoencoder import SpatialAutoencoder

PRIOR = functools.partial(AutoregressiveModel, make_embedding=OneHot)


class DiscreteAutoencoder(GenerativeModel, HasCodes, DrawsBySampler):
    """Images to small images of integers and back, and a prior p(z) on those integers.

    With z and their features f from the quantizer of encoder(y), y = x / (levels - 1), the loss of
    an example is

      loss = beta * reconstruction(y, decoder(f)) + commitment - log p(z),

    where the prior sees integers and has no influence on the autoencoder. Trained together, the
    prior follows codes that still move; trained one after the other (van den Oord et al. 2017,
    arXiv 1711.00937), it begins when they stand: give the autoencoder's optimizer the schedule
    `until` and the prior's the schedule `starting_at` (`glf.training.optimizers`), and a
    `VectorQuantizer` the same number as `freeze_after`.

    -log p(z) is a likelihood of codes, no likelihood of images: there are no bits per dimension.

    Args:
      spec: the data's `DataSpec`.
      make_quantizer: makes the `Quantizer`.
      make_autoencoder: makes the `Autoencoder`, from images in [0, 1] to features and from features
        to pre-activations of images; called with `image_shape` and with `encoded` and `decoded`,
        the number of features that the quantizer takes and gives.
      make_prior: makes the `AutoregressiveModel` of the codes; called with their `spec` and with
        `context_shape`.
      make_condition_encoder: makes the `ConditionEncoder` of the prior's labels, called with the
        spec of codes; None: the model takes no condition.
      make_sampler: makes the `Sampler` that `sample` uses.
      make_reconstruction: makes the loss of (h, y), per example.
      beta: the weight of the reconstruction.

    Raises:
      ValueError: if `beta` is not positive, or the prior is conditioned on images.
    """

    by_xla = ("_latent_log_prob",)
    meanings = MappingProxyType(
        {
            "reconstruction": "the reconstruction term of the loss",
            "commitment": "how far the encoder is from its codebook, weighted",
            "prior_nll": "-log p(z) of the codes; not a likelihood of images",
            "forecast": FORECAST,
        }
    )

    def __init__(
        self,
        spec,
        *,
        make_quantizer=ArgmaxStraightThrough,
        make_autoencoder=SpatialAutoencoder,
        make_prior=PRIOR,
        make_condition_encoder=None,
        make_sampler=WINDOWED,
        make_reconstruction=SquaredError,
        beta=1.0,
    ):
        super().__init__(spec)
        if not beta > 0:
            raise ValueError(f"DiscreteAutoencoder.beta must be positive, got {beta}.")
        self.beta = beta
        self.quantizer = made_by(make_quantizer, "DiscreteAutoencoder.make_quantizer")
        self.autoencoder = made_by(
            make_autoencoder,
            "DiscreteAutoencoder.make_autoencoder",
            image_shape=spec.shape,
            encoded=self.quantizer.inputs,
            decoded=self.quantizer.outputs,
        )
        self.reconstruction = made_by(
            make_reconstruction, "DiscreteAutoencoder.make_reconstruction"
        )
        self.code_shape = (*self.autoencoder.code_shape[:-1], self.quantizer.channels)
        self.categories = self.quantizer.categories
        codes = DataSpec(self.code_shape, self.categories, spec.num_classes)
        context = self._take_condition(make_condition_encoder, codes)
        if self.condition_kind not in (None, "label"):
            raise ValueError(
                "The prior of a DiscreteAutoencoder can be conditioned on labels, not on "
                f"{self.condition_kind}s."
            )
        self.prior = made_by(
            make_prior, "DiscreteAutoencoder.make_prior", spec=codes, context_shape=context
        )
        self.sampler = made_by(make_sampler, "DiscreteAutoencoder.make_sampler")
        self.rows = rows_of_piece(self.prior)
        self.built = True

    @property
    def sampled(self):
        """The prior."""
        return self.prior

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction"[, "commitment"], "prior_nll"[, "forecast"]}, each [batch].

        The prior's and the forecaster's are in nats. `seed` drives the quantizer's noise and the
        prior's dropout.
        """
        y = self.to_unit(x)
        quantized = self.quantizer.to_codes(
            self.autoencoder.encode(y), random.fold(seed, "quantizer"), training
        )
        reconstruction = self.reconstruction(self.autoencoder.decode(quantized.features), y)
        terms = {"loss": self.beta * reconstruction, "reconstruction": reconstruction}
        if quantized.commitment is not None:
            terms["commitment"] = quantized.commitment
            terms["loss"] += quantized.commitment
        dropout = random.fold(seed, "dropout") if training else None
        prior = self.prior.loss_terms(quantized.codes, self._context(condition), dropout)
        terms["loss"] += tf.add_n(list(prior.values()))
        return {**terms, "prior_nll": prior.pop("nll"), **prior}

    def parameter_groups(self):
        """ "autoencoder", "prior", and "forecaster" if the prior has one."""
        parts = (self.autoencoder.encoder, self.quantizer, self.autoencoder.decoder)
        groups = {"autoencoder": [w for part in parts for w in part.trainable_weights]}
        return groups | density_groups("prior", self.prior, self.condition_encoder)

    def _draw(self, num, seed, temperature, condition):
        """Draws codes from the prior and decodes them."""
        codes = self._samples(self.sampler, num, seed, temperature, condition).x
        return drawn_images(self._decode(codes, condition), self.spec.levels)

    def _latent_log_prob(self, z, condition):
        """log p(z | condition), exact: a likelihood of codes, not of images."""
        return self.prior.log_prob(z, self._context(condition))

    def _encode(self, x, condition):
        # In inference mode no quantizer looks at its seed.
        return self.quantizer.to_codes(self.autoencoder.encode(self.to_unit(x)), None, False).codes

    def _decode(self, z, condition):
        return mean_image(self.autoencoder.decode(self.quantizer.from_codes(z)))
