"""Abilities of some models: small abstract classes, each with its signatures in exports."""

import abc
import typing

import tensorflow as tf

from glf.core import random
from glf.models.requests import check_data, check_latents
from glf.models.signatures import LOG_PROB, Ability, Signature, Value


class HasLogProb(Ability):
    """Models with a log-density of their data, or a bound on it.

    Their `loss_terms` have "nll", which is minus that, in nats: what `log_prob` gives is what is
    trained and evaluated.
    """

    @typing.final
    def log_prob(self, x, condition=None):
        """log P(x), or a lower bound on it, in nats: [batch] of a batch of data.

        A model with a `condition_kind` needs the conditions [batch, ...], too. Where noise stands
        in for an integral, example i of a batch has the same noise in every call.

        Raises:
          ValueError: if data or conditions are not what the model was built for.
        """
        x, condition = self._checked(x, condition)
        seed = tf.constant(random.seed_of("log_prob"))
        return self._in_pieces(self._log_prob, x=x, seed=seed, condition=condition)

    def _log_prob(self, x, seed, condition):
        """The same of one piece; `seed` is for noise that stands in for an integral."""
        return -self._loss_terms(x, seed, False, condition)["nll"]


class HasDensity(HasLogProb):
    """Models with a likelihood of the integers x themselves, which has bits per dimension.

    Attributes:
      likelihood: "exact", or the name of the bound that stands in its place.
    """

    likelihood = "exact"

    def export_signatures(self):
        """ "log_prob" of images."""

        def log_prob(images, conditions=None):
            return {"log_prob": self.log_prob(images, conditions)}

        does = f"The log-likelihood of images: {self.likelihood}."
        takes = {"images": self._data_value(), **self._condition_value()}
        return [Signature(log_prob, does, takes, LOG_PROB), *super().export_signatures()]


class HasPointDensity(HasLogProb):
    """Models with a density of points x [batch, d] of continuous data, exact.

    It has a unit, that of the data to the power of -d, and no bits per dimension: it can be
    compared on the same data only.
    """

    def export_signatures(self):
        """ "log_prob" of points."""

        def log_prob(points, conditions=None):
            return {"log_prob": self.log_prob(points, conditions)}

        takes = {"points": self._data_value(), **self._condition_value()}
        signature = Signature(log_prob, "The log-density of points, exact.", takes, LOG_PROB)
        return [signature, *super().export_signatures()]


class HasBounds(HasDensity):
    """Models whose likelihood is a mean of weights, E[w] = P(x), and so known by bounds alone.

    Attributes:
      draws_at_once: how many draws of an example are taken together where very many are wanted.
    """

    draws_at_once = 1

    @typing.final
    def log_weights(self, x, seed, num_samples=1, condition=None, training=False):
        """log w of `num_samples` independent draws for each x: [num_samples, batch], in nats.

        Raises:
          ValueError: if images or conditions are not what the model was built for.
        """
        x, condition = self._checked(x, condition, in_graph=False)
        return self._log_weights(x, seed, num_samples, condition, training)

    @abc.abstractmethod
    def _log_weights(self, x, seed, num_samples, condition, training):
        """The same."""


class Reconstructs(Ability):
    """Models that give back an image close to the one they are given.

    Attributes:
      of_reconstructions: what else is to be known of them, words for exports and reports.
    """

    of_reconstructions = ""

    @typing.final
    def reconstruct(self, x, condition=None):
        """Reconstructs `x`, uint8 [batch, height, width, channels], in the data's levels.

        Raises:
          ValueError: if images or conditions are not what the model was built for, or values of
            reconstructions are not finite.
        """
        return self.to_levels(self.reconstruct_unit(x, condition))

    @typing.final
    def reconstruct_unit(self, x, condition=None):
        """The same before it is rounded to levels: floats in [0, 1].

        Raises:
          ValueError: if images or conditions are not what the model was built for.
        """
        x = check_data(self.spec, x)
        condition = self._reconstruction_condition(x, condition)
        return self._in_pieces(self._reconstruct, x=x, condition=condition)

    def reconstruction_condition_of(self, batch):
        """The conditions that a batch of data, {"x", "label", ...}, is reconstructed by, or None.

        Raises:
          ValueError: if they are needed and the batch does not have them.
        """
        return self.condition_of(batch) if self.conditional_reconstruction else None

    @abc.abstractmethod
    def _reconstruct(self, x, condition):
        """The reconstructions, floats in [0, 1], of one piece of images."""

    def export_signatures(self):
        """ "reconstruct"."""

        def reconstruct(images, conditions=None):
            return {"images": self.reconstruct(images, conditions)}

        images = {"images": self._data_value()}
        takes = images | self._reconstruction_value()
        also = self.of_reconstructions and f", {self.of_reconstructions}"
        does = f"Images to their reconstructions{also}."
        signature = Signature(reconstruct, does, takes, images)
        return [signature, *super().export_signatures()]

    def _reconstruction_condition(self, rows, condition):
        """The conditions of rows to encode, decode or reconstruct, which few models need."""
        if condition is None and not self.conditional_reconstruction:
            return None
        return self._checked_condition(rows, condition)

    def _reconstruction_value(self):
        return self._condition_value() if self.conditional_reconstruction else {}


class HasLatents(Reconstructs):
    """Models with latents z for each image, which give back an image by way of them.

    Attributes:
      latent_size: the length of z, a vector [batch, latent_size] unless told otherwise.
      categories: None, or z are integers in {0, ..., categories - 1}.
      of_latents: what else is to be known of them, a sentence, for exports and reports.
    """

    categories = None
    of_latents = ""

    @property
    def latent_spec(self):
        """The `tf.TensorSpec` of a batch of latents."""
        return tf.TensorSpec([None, self.latent_size], tf.float32)

    @typing.final
    def encode(self, x, condition=None):
        """Images, uint8, to latents z.

        Raises:
          ValueError: if images or conditions are not what the model was built for.
        """
        x = check_data(self.spec, x)
        condition = self._reconstruction_condition(x, condition)
        return self._in_pieces(self._encode, x=x, condition=condition)

    @typing.final
    def decode(self, z, condition=None):
        """Latents to images, uint8 in the data's levels.

        Raises:
          ValueError: if the latents have another shape or type, or are not finite, if the
            conditions are not the model's, or if values of the images are not finite.
        """
        z = self._checked_latents(z)
        condition = self._reconstruction_condition(z, condition)
        return self.to_levels(self._in_pieces(self._decode, z=z, condition=condition))

    @abc.abstractmethod
    def _encode(self, x, condition):
        """The latents of one piece of images."""

    @abc.abstractmethod
    def _decode(self, z, condition):
        """The images, floats in [0, 1], of one piece of latents."""

    def _reconstruct(self, x, condition):
        return self._decode(self._encode(x, condition), condition)

    def export_signatures(self):
        """ "encode" and "decode", then "reconstruct"."""

        def encode(images, conditions=None):
            return {"latents": self.encode(images, conditions)}

        def decode(latents, conditions=None):
            return {"images": self.decode(latents, conditions)}

        images, latents = {"images": self._data_value()}, self._latents_value()
        conditions = self._reconstruction_value()
        return [
            Signature(encode, self._said("Images to latents."), images | conditions, latents),
            Signature(decode, "Latents to images.", latents | conditions, images),
            *super().export_signatures(),
        ]

    def _said(self, does):
        """A sentence, and what is to be known of latents."""
        return f"{does} {self.of_latents}".strip()

    def _latents_value(self):
        about = "" if self.categories is None else f", values 0 to {self.categories - 1}"
        return {"latents": Value(self.latent_spec, about)}

    def _checked_latents(self, z, kind="latents"):
        return check_latents(self.latent_spec, z, self.categories, kind)


class HasLatentDensity(HasLatents):
    """Models that judge their latents."""

    @typing.final
    def latent_log_prob(self, z, condition=None):
        """log p(z) in nats, [batch]. Of latents: never comparable as bits/dim of images.

        Raises:
          ValueError: if latents or conditions are not those of the model.
        """
        z = self._checked_latents(z)
        condition = self._checked_condition(z, condition)
        return self._in_pieces(self._latent_log_prob, z=z, condition=condition)

    @typing.final
    def judged_latents(self, x, seed=0, condition=None):
        """Latents of images as p(z) is a density of: those of `encode`, where nothing is added.

        A model that adds noise to latents gives a draw of them by `seed`.

        Raises:
          ValueError: as of `encode`.
        """
        x = check_data(self.spec, x)
        condition = self._reconstruction_condition(x, condition)
        seed = random.make_seed(seed)
        return self._in_pieces(self._judged_latents, x=x, seed=seed, condition=condition)

    def _judged_latents(self, x, seed, condition):
        """The same of one piece."""
        del seed
        return self._encode(x, condition)

    @abc.abstractmethod
    def _latent_log_prob(self, z, condition):
        """The same of one piece."""

    def export_signatures(self):
        """Those of models with latents, then "latent_log_prob"."""

        def latent_log_prob(latents, conditions=None):
            return {"log_prob": self.latent_log_prob(latents, conditions)}

        does = "The log-density of latents under the model; not a likelihood of images."
        does = self._said(does)
        takes = self._latents_value() | self._condition_value()
        return [*super().export_signatures(), Signature(latent_log_prob, does, takes, LOG_PROB)]


class HasCodes(HasLatentDensity):
    """Models whose latents are integers, int32 [batch, h, w, channels], with their likelihood.

    Attributes:
      code_shape: (h, w, channels).
      categories: the integers are in {0, ..., categories - 1}.
    """

    @property
    def latent_spec(self):
        """The `tf.TensorSpec` of a batch of codes."""
        return tf.TensorSpec([None, *self.code_shape], tf.int32)


class HasLatentFlow(HasLatentDensity):
    """Models whose latents a flow maps to base noise u of the same size, and judges."""

    @property
    def base_spec(self):
        """The `tf.TensorSpec` of a batch of base noise: that of latents unless told otherwise."""
        return self.latent_spec

    @typing.final
    def to_base(self, z, condition=None):
        """Latents z to base noise u; errors as of `latent_log_prob`."""
        z = self._checked_latents(z)
        condition = self._checked_condition(z, condition)
        return self._in_pieces(self._to_base, z=z, condition=condition)

    @typing.final
    def from_base(self, u, condition=None):
        """Base noise u to latents z; errors as of `latent_log_prob`."""
        u = check_latents(self.base_spec, u, kind="base noise")
        condition = self._checked_condition(u, condition)
        return self._in_pieces(self._from_base, u=u, condition=condition)

    @typing.final
    def sample_latents(self, num, seed, temperature=1.0, condition=None):
        """The latents z that `sample` decodes, of the same arguments; errors as of it.

        But latents that are not finite are not refused.
        """
        return self._requested(self._draw_latents, (), num, seed, temperature, condition)

    @abc.abstractmethod
    def _to_base(self, z, condition):
        """u of one piece."""

    @abc.abstractmethod
    def _from_base(self, u, condition):
        """z of one piece."""

    @abc.abstractmethod
    def _draw_latents(self, num, seed, temperature, condition):
        """z of one piece of a request."""


class HasRoundTrip(Ability):
    """Models in which a bijector maps data, or latents, to base noise.

    Attributes:
      round_trip_of: what it maps: "images" that noise makes continuous, "latents", "points".
    """

    @typing.final
    def round_trip(self, x, condition=None):
        """(before, after): what the bijector maps, and the same mapped to the base and back.

        In exact arithmetic the two are equal. Of images, float32 in units of levels, of which a
        dequantizer's are rounded down to x; of latents and points, these.

        Raises:
          ValueError: if data or conditions are not what the model was built for.
        """
        x, condition = self._checked(x, condition)
        seed = tf.constant(random.seed_of("round_trip"))
        return self._in_pieces(self._round_trip, x=x, seed=seed, condition=condition)

    @abc.abstractmethod
    def _round_trip(self, x, seed, condition):
        """The same of one piece; `seed` is for noise that makes data continuous."""


class HasInnerLoss(Ability):
    """Models with a parameter group whose loss needs no more of the batch than some inner features.

    Such a group can take several optimizer steps on parts of a batch for one pass through the rest.
    """

    @typing.final
    def loss_terms_and_features(self, x, seed, training, condition=None):
        """(`loss_terms`, {group: features [batch, ...], without gradient}); errors as of it."""
        x, condition = self._checked(x, condition, in_graph=False)
        return self._loss_terms_and_features(x, seed, training, condition)

    @abc.abstractmethod
    def _loss_terms_and_features(self, x, seed, training, condition):
        """The same."""

    @abc.abstractmethod
    def inner_loss(self, group, features, seed, condition=None):
        """What `group` minimises, in training mode, for rows of its features: [rows], in nats."""
