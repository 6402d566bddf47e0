"""What a generative model is, and the small abstract classes for what only some can do."""

import abc

import keras
import tensorflow as tf


class GenerativeModel(keras.Model, abc.ABC):
    """A model of images x [batch, height, width, channels] with values in {0, ..., levels - 1}.

    Args:
      spec: the `DataSpec` of the data: `image_shape`, `levels`, `num_classes`.

    Attributes:
      models_points: whether the data are points of real numbers in place of images.

    Raises:
      ValueError: if the data are of the other kind.
    """

    models_points = False

    def __init__(self, spec, *, name=None):
        super().__init__(name=name)
        if spec.levels is None and not self.models_points:
            raise ValueError(
                f"{type(self).__name__} models integers, got points of real numbers of shape "
                f"{tuple(spec.image_shape)}; take a dataset of images, or a VectorFlow for points."
            )
        self.spec = spec

    @abc.abstractmethod
    def loss_terms(self, x, seed, training):
        """Per-example terms in nats: {"loss": [batch], ...}, the same in training and test.

        "loss" is what training minimises the mean of; the other entries are its parts, reported
        under their names. `seed` [2] drives whatever noise the loss needs. `Conditional` models
        take the conditions of the batch, too, as `condition`.
        """

    @abc.abstractmethod
    def sample(self, num, seed, temperature=1.0):
        """Draws `num` images as uint8 [num, height, width, channels] in the data's levels.

        `Conditional` models take the conditions of these images, too, as `condition`.
        """

    @abc.abstractmethod
    def parameter_groups(self):
        """Every trainable weight, once: {group name: weights}. Each group has its optimizer."""

    def call(self, x, seed=(0, 0), training=False):
        """Keras' way in: the loss terms of `x`."""
        return self.loss_terms(x, tf.convert_to_tensor(seed), training)

    def to_unit(self, x):
        """Integers {0, ..., levels - 1} to floats in [0, 1]: x / (levels - 1)."""
        return tf.cast(x, tf.float32) / (self.spec.levels - 1)

    def to_levels(self, y):
        """Floats in [0, 1] to the nearest of the data's levels, as uint8."""
        top = self.spec.levels - 1
        return tf.cast(tf.round(tf.clip_by_value(y, 0.0, 1.0) * top), tf.uint8)


class HasDensity(abc.ABC):
    """Models with a likelihood of the integers x themselves.

    Their `loss_terms` have "nll", which is -log P(x) or the bound on it, in nats: what `log_prob`
    gives is what is trained and evaluated.

    Attributes:
      likelihood: "exact", or the name of the bound that stands in its place.
    """

    likelihood = "exact"

    @abc.abstractmethod
    def log_prob(self, x, condition=None):
        """log P(x), or a lower bound on it, in nats: [batch] of x [batch, height, width, channels].

        A model with a `condition_kind` needs the conditions [batch, ...], too.
        """


class HasBounds(HasDensity):
    """Models whose likelihood is a mean of weights, E[w] = P(x), and so known by bounds alone."""

    @abc.abstractmethod
    def log_weights(self, x, seed, num_samples=1, condition=None, training=False):
        """log w of `num_samples` independent draws for each x: [num_samples, batch], in nats."""


class Conditional:
    """Models whose images can be conditioned on something.

    Where `condition_kind` is not None, `loss_terms` takes the batch's conditions as `condition`,
    and `sample` those of the images it is asked for.

    Attributes:
      condition_encoder: the `ConditionEncoder` that says what the conditions are and makes them
        of data, or None.
    """

    condition_encoder = None

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

    @abc.abstractmethod
    def reconstruct(self, x):
        """Reconstructs `x`, uint8 [batch, height, width, channels], in the data's levels."""

    @abc.abstractmethod
    def reconstruct_unit(self, x):
        """The same before it is rounded to levels: floats in [0, 1]."""


class HasLatents(abc.ABC):
    """Models with latents z for each image: a vector [batch, latent_size] unless told otherwise."""

    @property
    def latent_spec(self):
        """The `tf.TensorSpec` of a batch of latents."""
        return tf.TensorSpec([None, self.latent_size], tf.float32)

    @abc.abstractmethod
    def encode(self, x):
        """Images, uint8, to latents z."""

    @abc.abstractmethod
    def decode(self, z):
        """Latents to images, uint8 in the data's levels."""


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

    @abc.abstractmethod
    def latent_log_prob(self, z, condition=None):
        """log p(z) in nats, exact, [batch]: a likelihood of codes, not of images."""


class HasLatentFlow(HasLatents):
    """Models whose latents a flow maps to base noise u of the same size, and judges."""

    @abc.abstractmethod
    def latent_log_prob(self, z):
        """log p(z) in nats, [batch]. A density of latents: never comparable as bits/dim of x."""

    @abc.abstractmethod
    def to_base(self, z):
        """Latents z to base noise u, both [batch, latent_size]."""

    @abc.abstractmethod
    def from_base(self, u):
        """Base noise u to latents z, both [batch, latent_size]."""


class HasInnerLoss(abc.ABC):
    """Models with a parameter group whose loss needs no more of the batch than a code for each row.

    Such a group can take several optimizer steps on parts of a batch for one pass through the rest.
    """

    @abc.abstractmethod
    def loss_terms_and_codes(self, x, seed, training):
        """(`loss_terms`, {group: codes [batch, ...], without gradient})."""

    @abc.abstractmethod
    def inner_loss(self, group, codes, seed):
        """What `group` minimises, in training mode, for rows of its codes: [rows], in nats."""

    @abc.abstractmethod
    def compile_inner_loss(self):
        """Makes the inner loss an XLA program within `loss_terms`, for steps that are none."""
