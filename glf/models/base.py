"""What a generative model is, and the small abstract classes for what only some can do."""

import abc

import keras
import tensorflow as tf


class GenerativeModel(keras.Model, abc.ABC):
    """A model of images x [batch, height, width, channels] with values in {0, ..., levels - 1}.

    Args:
      spec: the `DataSpec` of the data: `image_shape`, `levels`, `num_classes`.
    """

    def __init__(self, spec, *, name=None):
        super().__init__(name=name)
        self.spec = spec

    @abc.abstractmethod
    def loss_terms(self, x, seed, training):
        """Per-example terms in nats: {"loss": [batch], ...}, the same in training and test.

        "loss" is what training minimises the mean of; the other entries are its parts, reported
        under their names. `seed` [2] drives whatever noise the loss needs.
        """

    @abc.abstractmethod
    def sample(self, num, seed, temperature=1.0):
        """Draws `num` images as uint8 [num, height, width, channels] in the data's levels."""

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


class Reconstructs(abc.ABC):
    """Models that give back an image close to the one they are given."""

    @abc.abstractmethod
    def reconstruct(self, x):
        """Reconstructs `x`, uint8 [batch, height, width, channels], in the data's levels."""

    @abc.abstractmethod
    def reconstruct_unit(self, x):
        """The same before it is rounded to levels: floats in [0, 1]."""


class HasLatents(abc.ABC):
    """Models with a code z [batch, latent_size] for each image."""

    @abc.abstractmethod
    def encode(self, x):
        """Images, uint8, to latents z [batch, latent_size]."""

    @abc.abstractmethod
    def decode(self, z):
        """Latents to images, uint8 in the data's levels."""


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
