"""Generative Latent Flow: a deterministic autoencoder and a flow on its latents, one stage."""

from types import MappingProxyType

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.core.fused import fused
from glf.layers.batch_norm import BatchNormalization
from glf.models.abilities import HasInnerLoss, HasLatentFlow, HasRoundTrip
from glf.models.drafts import DRAFT, draft_weights, with_drafts_apart
from glf.models.fitted_after import FittedAfter
from glf.models.guidance import HasGuidance
from glf.models.latent_model import LatentModel
from glf.models.reconstruction import SquaredError
from glf.models.solving import DrawsByFlow
from glf.networks.infogan import InfoGAN
from glf.priors.flow import Flow


class GLF(
    LatentModel,
    HasLatentFlow,
    HasRoundTrip,
    HasInnerLoss,
    HasGuidance,
    DrawsByFlow,
    FittedAfter,
):
    """Generative Latent Flow (Xiao, Yan and Amit 2019, arXiv 1905.10485).

    With z = encoder(y), y = x / (levels - 1), and the flow's inverse u = f(z), the loss of an
    example is

      loss = beta * reconstruction(y, decoder(z)) - log p(z'),
      log p(z') = log N(f(z'); 0, I) + log|det df/dz'|,

    where z' is z with its gradient stopped: the flow follows the encoder and never pulls on it.
    With `stop_gradient=False` z' is z itself: the paper's regularized GLF, in which `beta` sets
    how far the flow's likelihood may shrink the latents.

    Noise. With `latent_noise` sigma > 0 decoder and flow are given

      z = encoder(y) + sigma epsilon,   epsilon ~ N(0, I),

    in training and wherever the loss is measured: the decoder learns to denoise, and the flow
    models latents without gaps between them, as in SimFlow (Zhao et al. 2025, arXiv 2512.04084),
    whose encoder has a constant variance, sigma^2. So p(z) is a density of noisy latents, and nats
    of other sigmas are nats of other data. `encode` gives the mean, encoder(y); `reconstruct` and
    interpolations are of it, without noise, `latent_log_prob` judges what it is given, and
    `judged_latents` are the noisy ones, which the terms of the loss and all else that judges the
    density are measured on.

    An encoder that the flow does not pull on would enlarge its latents until sigma is nothing, so
    noise needs a scale: `unit_latents`, which brings every latent (of maps, every channel) to mean
    0 and variance 1 by a batch normalisation without weights, so that sigma is a share of its
    deviation, or `stop_gradient=False`.

    Labels. With `label_drop` > 0 an example's label is left out in training with that probability:
    a learned vector stands in its place. Samples can then be guided, see `sample_guided` and
    `glf.bijectors.guidance.guided_forward`.

    Of a flow with a fitted base (`Flow.make_fitted_base`) training sees the flow's own base, and
    everything else, the terms of the loss outside of training as well, what was fitted to the base
    points of training examples: before validation, pictures and checkpoints.

    Batch normalisation uses batch statistics in training and its moving averages everywhere else;
    samples are never normalised.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d; of an autoencoder whose latents are maps [h, w, d], the
        number at each place.
      make_autoencoder: called with `image_shape` and `latent_size`; makes the `Autoencoder`, from
        images in [0, 1] to z and from z to pre-activations h, which become the image
        (tanh h + 1) / 2. Of a `SpatialAutoencoder` latents are maps, for a flow of images.
      make_flow: makes the `Flow` on latents.
      make_reconstruction: makes the loss of (h, y), per example.
      make_condition_encoder: makes the `ConditionEncoder` of labels c, on which the flow is
        conditioned: log p(z' | c); None: the model takes no condition.
      beta: the weight of the reconstruction.
      stop_gradient: whether the flow's loss is kept from the encoder.
      latent_noise: sigma, the standard deviation of the noise, in units of the latents; 0: none,
        the paper's GLF.
      unit_latents: whether latents are brought to mean 0 and variance 1.
      label_drop: the probability with which training leaves a label out, in [0, 1).

    Raises:
      ValueError: if a number is out of range; for noise on latents without a scale; for labels to
        drop where there are none, or a flow that cannot be guided.
    """

    has_maps = True
    round_trip_of = "latents"
    prior_is = ("make_flow", "flow")
    meanings = MappingProxyType(
        {
            "reconstruction": "the reconstruction term of the loss",
            "latent_nll": "-log p(z) of the latents; not a likelihood of images",
            "draft": DRAFT,
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
        latent_noise=0.0,
        unit_latents=False,
        label_drop=0.0,
    ):
        if not beta > 0:
            raise ValueError(f"GLF.beta must be positive, got {beta}.")
        _check_noise(latent_noise, unit_latents, stop_gradient)
        _check_labels(label_drop, make_condition_encoder)
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
        self.latent_noise, self.label_drop = latent_noise, label_drop
        self.normalisation = _normalisation(self.latent_shape) if unit_latents else None
        if latent_noise:
            self._say_noise()
        self.without_label = None
        if label_drop:
            self.flow.check_guidable()
            shape = self.condition_encoder.context_shape[-1:]
            options = {"shape": shape, "initializer": "zeros"}
            self.without_label = self.add_weight(name="without_label", **options)

    def _say_noise(self):
        """What exports and evaluations say of latents with noise."""
        noise = f"noise of standard deviation {self.latent_noise:g}"
        self.of_latents = f"The flow models latents with {noise}, which encode does not add."
        self.of_reconstructions = "of latents without the noise that the model adds to them"
        nats = f"{self.meanings['latent_nll']}; of latents with {noise}"
        self.meanings = MappingProxyType({**self.meanings, "latent_nll": nats})

    @property
    def flow(self):
        """The prior, a `Flow`."""
        return self.prior

    @property
    def sampled_prior(self):
        """The flow."""
        return self.prior

    @property
    def base_spec(self):
        """The `tf.TensorSpec` of a batch of base noise: what the flow makes of latents."""
        return tf.TensorSpec([None, *self.flow.bijector.base_shape], tf.float32)

    @property
    def guidable(self):
        """Whether labels are dropped in training."""
        return self.without_label is not None

    @property
    def fitted_prior(self):
        """The flow's base that is fitted, or None."""
        return getattr(self.flow, "fitted_base", None)

    def _fitted_to(self, x, seed, condition):
        """Base points of latents as the flow models them."""
        return self.to_base(self.judged_latents(x, seed), condition)

    def parameter_groups(self):
        """ "autoencoder", "flow" with what is learned of labels, "draft" if there is one."""
        groups = super().parameter_groups()
        if self.guidable:
            groups["flow"] = [*groups["flow"], self.without_label]
        return with_drafts_apart(groups, self.flow)

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "latent_nll"[, "draft"]}, each [batch] in nats.

        `seed` drives the latents' noise and the labels that are dropped.
        """
        return self._loss_terms_and_features(x, seed, training, condition)[0]

    def _loss_terms_and_features(self, x, seed, training, condition):
        """The loss terms, and the latents that the flow's own loss needs: {"flow": z}."""
        y = self.to_unit(x)
        z = self._noisy(self._latents(y, training), seed)
        reconstruction = self.reconstruction(self._h(z, training=training), y)
        fixed = tf.stop_gradient(z)
        judged = fixed if self.stop_gradient else z
        context = self._training_context(condition, seed, training)
        latent_nll = -fused(self.flow.log_prob, judged, context, training)
        terms = {
            "loss": self.beta * reconstruction + latent_nll,
            "reconstruction": reconstruction,
            "latent_nll": latent_nll,
        }
        if draft_weights(self.flow):
            terms["draft"] = fused(self.flow.drafted, fixed, context)
            terms["loss"] += terms["draft"]
        return terms, {"flow": fixed}

    def inner_loss(self, group, features, seed, condition=None):
        """-log p(z) of latents `features` under the flow, in training mode: [rows], in nats.

        Raises:
          ValueError: for another group than "flow", or without the stop-gradient, where the
            flow's loss is the encoder's, too.
        """
        if group != "flow" or not self.stop_gradient:
            raise ValueError(
                "Only the flow of a GLF with stop_gradient=True can take steps of its own; "
                f"train.updates_per_step names {group!r} with stop_gradient={self.stop_gradient}."
            )
        context = self._training_context(condition, seed, True)
        return -self.flow.log_prob(features, context, True)

    def _latents(self, y, training):
        """Latents of images y in [0, 1], without noise."""
        z = self.autoencoder.encode(y, training)
        if self.normalisation is None:
            return z
        # It follows the encoder, also into a stage in which that is not trained.
        return self.normalisation(z, training=bool(training) and self.autoencoder.trainable)

    def _noisy(self, z, seed):
        """Latents as the decoder and the flow are trained on."""
        if not self.latent_noise:
            return z
        return z + self.latent_noise * random.normal(tf.shape(z), random.fold(seed, "latents"))

    def _training_context(self, condition, seed, training):
        """The context of labels, of which training drops some."""
        context = self._context(condition)
        if not self.guidable:
            return context
        # In inference none: a number in [0, 1) is never less than 0.
        rate = self.label_drop if training else 0.0
        kept = random.uniform(tf.shape(context)[:1], random.fold(seed, "labels")) >= rate
        kept = tf.reshape(kept, [-1] + [1] * (context.shape.rank - 1))
        return tf.where(kept, context, self._without(context))

    def _without(self, context):
        """What stands for no label, of the same shape as a context."""
        return tf.zeros_like(context) + self.without_label.value

    def _encode(self, x, condition):
        """The mean."""
        return self._latents(self.to_unit(x), False)

    def _judged_latents(self, x, seed, condition):
        return self._noisy(self._encode(x, condition), seed)

    def _draw_guided(self, num, seed, temperature, condition, guidance):
        context = self._context(condition)
        z = self.flow.sample_guided(
            num, seed, temperature, context, self._without(context), guidance
        )
        return self._drawn(z, condition)

    def _to_base(self, z, condition):
        """u = f(z)."""
        return self.flow.to_base(z, self._context(condition))

    def _from_base(self, u, condition):
        """z = f^-1(u)."""
        return self.flow.from_base(u, self._context(condition))

    def _round_trip(self, x, seed, condition):
        """Latents as the flow models them, and these through f and back."""
        z = self._judged_latents(x, seed, condition)
        return z, self.flow.round_trip(z, self._context(condition))


def _check_noise(latent_noise, unit_latents, stop_gradient):
    """Refuses noise that is none, or that the encoder would make nothing of.

    Raises:
      ValueError: if so.
    """
    if not 0 <= latent_noise < np.inf:
        raise ValueError(f"GLF.latent_noise must be finite and at least 0, got {latent_noise}.")
    if latent_noise and stop_gradient and not unit_latents:
        raise ValueError(
            f"GLF.latent_noise={latent_noise} needs latents with a scale: an encoder that the flow "
            "does not pull on would enlarge them until the noise is nothing. Bind "
            "GLF.unit_latents = True, or GLF.stop_gradient = False."
        )


def _check_labels(label_drop, make_condition_encoder):
    """Refuses a probability that is none, or labels to drop where there are none.

    Raises:
      ValueError: if so.
    """
    if not 0 <= label_drop < 1 or (label_drop and make_condition_encoder is None):
        raise ValueError(
            "GLF.label_drop is a probability, at least 0 and less than 1, of a model with labels "
            f"(GLF.make_condition_encoder); got {label_drop} and "
            f"make_condition_encoder={make_condition_encoder}."
        )


def _normalisation(shape):
    """Batch normalisation to mean 0 and variance 1, of each latent or each channel of a map."""
    layer = BatchNormalization(center=False, scale=False, dtype="float32")
    layer.build((None, *shape))
    return layer
