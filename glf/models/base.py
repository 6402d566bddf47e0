"""What a generative model is, and the small abstract classes for what only some can do."""

import abc
import typing

import keras
import tensorflow as tf

from glf.core import random
from glf.core.part import Part, instead
from glf.models.chunks import in_chunks
from glf.models.drawn import drawn_images
from glf.models.requests import (
    check_conditions,
    check_data,
    check_latents,
    check_request,
    conditions_for,
)


class GenerativeModel(Part, keras.Model):
    """A model of images x [batch, height, width, channels] with values in {0, ..., levels - 1}.

    The public methods, here and in the small classes below, are the same for every model: they
    check what they are given and call the mathematics, methods with the same names and an
    underscore, which subclasses write and nobody else calls. What cannot be checked while a graph
    is made is an assertion in it, that an export keeps, see `glf.core.checks`; of the methods that
    training compiles by XLA, `loss_terms` and its like, only shapes and types are.

    Args:
      spec: the `DataSpec` of the data: `image_shape`, `levels`, `num_classes`.

    Attributes:
      models_points: whether the data are points of real numbers in place of images.
      condition_encoder: the `ConditionEncoder` of a `Conditional` model, or None.

    Raises:
      ValueError: if the data are of the other kind.
    """

    given_by_code = ("spec",)
    models_points, condition_encoder = False, None

    compile = instead("compile")
    fit = instead("fit")
    evaluate = instead("evaluate")
    predict = instead("predict")
    save = instead("save")
    export = instead("export")

    def __init__(self, spec, *, name=None):
        super().__init__(name=name)
        if spec.levels is None and not self.models_points:
            raise ValueError(
                f"{type(self).__name__} models integers, got points of real numbers of shape "
                f"{tuple(spec.image_shape)}; take a dataset of images, or a VectorFlow for points."
            )
        self.spec = spec

    @typing.final
    def loss_terms(self, x, seed, training, condition=None):
        """Per-example terms in nats: {"loss": [batch], ...}, the same in training and test.

        "loss" is what training minimises the mean of; the other entries are its parts, reported
        under their names. `seed` [2] drives whatever noise the loss needs. `Conditional` models
        need the conditions of the batch, too.

        Raises:
          ValueError: if data or conditions are not what the model was built for.
        """
        x, condition = self._checked(x, condition, in_graph=False)
        return self._loss_terms(x, seed, training, condition)

    @abc.abstractmethod
    def _loss_terms(self, x, seed, training, condition):
        """The loss terms; the condition is int32, and None where there is no encoder."""

    @typing.final
    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws `num` images as uint8 [num, height, width, channels] in the data's levels.

        Of points, float32 [num, d].

        Args:
          num: how many, at least 1.
          seed: an integer or a pair of integers; the first n of a larger request with the same seed
            come from the same noise.
          temperature: multiplies the noise; at 0 there is none.
          condition: one for each image, of a `Conditional` model. None: a model conditioned on
            labels takes 0, 1, 2, ... in turn.

        Raises:
          ValueError: if a number is out of range, if the conditions are not what the model needs,
            or if values of samples are not finite.
        """
        return self.draw(num, seed, temperature, condition).finite().x

    @typing.final
    def draw(self, num, seed, temperature=1.0, condition=None):
        """The same samples as `Drawn`: with the share of their values that was no data's.

        Arguments and errors as of `sample`; but values that are not finite are counted, not
        refused.
        """
        num, temperature = check_request(num, temperature)
        condition = conditions_for(self.condition_encoder, num, condition)
        return self._draw(num, random.make_seed(seed), temperature, condition)

    @abc.abstractmethod
    def _draw(self, num, seed, temperature, condition):
        """`Drawn` of a number int32 [], a seed [2], a temperature float32 [], and int32 or None."""

    @abc.abstractmethod
    def parameter_groups(self):
        """Every trainable weight, once: {group name: weights}. Each group has its optimizer."""

    def call(self, x, seed=(0, 0), training=False, condition=None):
        """Keras' way in: the loss terms of `x`."""
        return self.loss_terms(x, tf.convert_to_tensor(seed), training, condition)

    def to_unit(self, x):
        """Integers {0, ..., levels - 1} to floats in [0, 1]: x / (levels - 1)."""
        return tf.cast(x, tf.float32) / (self.spec.levels - 1)

    def to_levels(self, y):
        """Floats in [0, 1] to the nearest of the data's levels, as uint8.

        Raises:
          ValueError: if a value is not finite.
        """
        return drawn_images(y, self.spec.levels).finite().x

    def _checked(self, x, condition=None, in_graph=True):
        """Data and their conditions as the mathematics takes them; see `glf.models.requests`."""
        x = check_data(self.spec, x, in_graph)
        num = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
        return x, check_conditions(self.condition_encoder, condition, num, in_graph)


class HasDensity(abc.ABC):
    """Models with a likelihood of the integers x themselves.

    Their `loss_terms` have "nll", which is -log P(x) or the bound on it, in nats: what `log_prob`
    gives is what is trained and evaluated.

    Attributes:
      likelihood: "exact", or the name of the bound that stands in its place.
    """

    likelihood = "exact"

    @typing.final
    def log_prob(self, x, condition=None):
        """log P(x), or a lower bound on it, in nats: [batch] of x [batch, height, width, channels].

        A model with a `condition_kind` needs the conditions [batch, ...], too. Where noise stands
        in for an integral, example i of a batch has the same noise in every call.

        Raises:
          ValueError: if images or conditions are not what the model was built for.
        """
        return self._log_prob(*self._checked(x, condition))

    @abc.abstractmethod
    def _log_prob(self, x, condition):
        """The same of any number of images."""


class HasBounds(HasDensity):
    """Models whose likelihood is a mean of weights, E[w] = P(x), and so known by bounds alone."""

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


class Conditional:
    """Models whose images can be conditioned on something.

    Where `condition_kind` is not None, `loss_terms` takes the batch's conditions as `condition`,
    and `sample` those of the images it is asked for. The `condition_encoder` says what they are and
    makes them of data.
    """

    @property
    def condition_kind(self):
        """What the conditions are: the encoder's kind, "label", "image" or "paired", or None."""
        return None if self.condition_encoder is None else self.condition_encoder.kind

    @property
    def condition_spec(self):
        """The `tf.TensorSpec` of a batch of conditions, or None."""
        return None if self.condition_encoder is None else self.condition_encoder.condition_spec

    def condition_of(self, batch):
        """What a batch of data, {"image", "label", "condition"}, is conditioned on."""
        return self.condition_encoder.condition_of(batch)


def inputs_of(model):
    """The names of what `model` needs of a batch: "image", and what its conditions are made of.

    Raises:
      ValueError: if it conditions on something that its data does not have.
    """
    reads = _reads(model)
    if reads is None or reads == "image":
        return ("image",)
    has = {"label": model.spec.num_classes, "condition": model.spec.condition_shape}
    if has[reads] is None:
        raise ValueError(f"{_lacking(model, reads)}, or a model without condition.")
    return ("image", reads)


def conditions_of(model, batch):
    """The conditions of a batch as keyword arguments of `loss_terms`: {} where there are none.

    Raises:
      ValueError: if the model conditions on something that the batch does not have.
    """
    reads = _reads(model)
    if reads is None:
        return {}
    if batch.get(reads) is None:
        raise ValueError(f"{_lacking(model, reads)}.")
    return {"condition": model.condition_of(batch)}


def _reads(model):
    """The name of what `model` makes its conditions of, or None."""
    encoder = model.condition_encoder if isinstance(model, Conditional) else None
    return None if encoder is None else encoder.reads


def _lacking(model, reads):
    what, where = {
        "label": ("labels", "with labels (for a folder, make_dataset.labels)"),
        "condition": ("paired images", 'of pairs (make_dataset.source = "pairs:PATH")'),
    }[reads]
    return (
        f"This {type(model).__name__} is conditioned on {what}, and its data has none. Take a "
        f"dataset {where}"
    )


class Reconstructs(abc.ABC):
    """Models that give back an image close to the one they are given."""

    @typing.final
    def reconstruct(self, x):
        """Reconstructs `x`, uint8 [batch, height, width, channels], in the data's levels.

        Raises:
          ValueError: if these are not images the model was built for, or values of reconstructions
            are not finite.
        """
        return self.to_levels(self.reconstruct_unit(x))

    @typing.final
    def reconstruct_unit(self, x):
        """The same before it is rounded to levels: floats in [0, 1].

        Raises:
          ValueError: if these are not images the model was built for.
        """
        return self._reconstruct_rows(check_data(self.spec, x))

    @tf.function(reduce_retracing=True, autograph=False)
    def _reconstruct_rows(self, x):
        return in_chunks(self._reconstruct, x)

    @abc.abstractmethod
    def _reconstruct(self, x):
        """The reconstructions, floats in [0, 1], of one piece of images."""


class HasLatents(abc.ABC):
    """Models with latents z for each image: a vector [batch, latent_size] unless told otherwise."""

    @property
    def latent_spec(self):
        """The `tf.TensorSpec` of a batch of latents."""
        return tf.TensorSpec([None, self.latent_size], tf.float32)

    @typing.final
    def encode(self, x):
        """Images, uint8, to latents z.

        Raises:
          ValueError: if these are not images the model was built for.
        """
        return self._encode_rows(check_data(self.spec, x))

    @typing.final
    def decode(self, z):
        """Latents to images, uint8 in the data's levels.

        Raises:
          ValueError: if the latents have another shape or type, or are not finite, or values of
            the images are not.
        """
        return self.to_levels(self._decode_rows(self._checked_latents(z)))

    @tf.function(reduce_retracing=True, autograph=False)
    def _encode_rows(self, x):
        return in_chunks(self._encode, x)

    @tf.function(reduce_retracing=True, autograph=False)
    def _decode_rows(self, z):
        return in_chunks(self._decode, z)

    @abc.abstractmethod
    def _encode(self, x):
        """The latents of one piece of images."""

    @abc.abstractmethod
    def _decode(self, z):
        """The images, floats in [0, 1], of one piece of latents."""

    def _checked_latents(self, z, kind="latents"):
        return check_latents(self.latent_spec, z, kind=kind)


class HasCodes(HasLatents):
    """Models whose latents are integers, int32 [batch, h, w, channels].

    Attributes:
      code_shape: (h, w, channels).
      categories: the integers are in {0, ..., categories - 1}.
    """

    @property
    def latent_spec(self):
        """The `tf.TensorSpec` of a batch of codes."""
        return tf.TensorSpec([None, *self.code_shape], tf.int32)

    @typing.final
    def latent_log_prob(self, z, condition=None):
        """log p(z) in nats, exact, [batch]: a likelihood of codes, not of images.

        Raises:
          ValueError: if codes or conditions are not those of the model.
        """
        z = self._checked_latents(z)
        num = tf.shape(z)[0] if z.shape[0] is None else z.shape[0]
        condition = check_conditions(self.condition_encoder, condition, num)
        return self._latent_log_prob(z, condition)

    @abc.abstractmethod
    def _latent_log_prob(self, z, condition):
        """The same of any number of codes."""

    def _checked_latents(self, z):
        return check_latents(self.latent_spec, z, self.categories)


class HasLatentFlow(HasLatents):
    """Models whose latents a flow maps to base noise u of the same size, and judges."""

    @typing.final
    def latent_log_prob(self, z):
        """log p(z) in nats, [batch]. A density of latents: never comparable as bits/dim of x.

        Raises:
          ValueError: if the latents have another shape or type, or are not finite.
        """
        return self._latent_log_prob(self._checked_latents(z))

    @typing.final
    def to_base(self, z):
        """Latents z to base noise u, both [batch, latent_size]; errors as of `latent_log_prob`."""
        return self._to_base(self._checked_latents(z))

    @typing.final
    def from_base(self, u):
        """Base noise u to latents z, both [batch, latent_size]; errors as of `latent_log_prob`."""
        return self._from_base(self._checked_latents(u, "base noise"))

    @abc.abstractmethod
    def _latent_log_prob(self, z):
        """log p(z)."""

    @abc.abstractmethod
    def _to_base(self, z):
        """u of z."""

    @abc.abstractmethod
    def _from_base(self, u):
        """z of u."""
