"""A Gaussian whose means and scales are read off a context."""

import tensorflow as tf

from glf.core import random
from glf.core.part import made_by
from glf.families.gaussian import Gaussian
from glf.layers.same_conv import ZeroConv2D
from glf.priors.image_prior import ImagePrior


class ConditionalGaussian(ImagePrior):
    """p(z | context) = Π N(z_i; μ_i, exp(2 s_i)), with (μ, r) = network(context), s = 7 tanh(r/7).

    The prior of what a multi-scale flow factors out (Kingma, Dhariwal 2018, "Glow", and its code).
    By default the network is one convolution 3x3 that starts at zero, and the density starts as a
    standard normal. Without a condition μ and r are learned constants for each channel. Glow's
    convolutions see where the image ends, also that of its top prior, which sees nothing else: with
    `edge_bias` it is so here, and without a condition μ and r are learned constants for each
    channel at the border, at the corners and within. Temperature scales the standard deviations.

    Args:
      make_network: factory of the network, called with `units=` and `dtype=`; it maps the context
        [batch, height, width, features] to [batch, height, width, units]. None: one convolution.
      edge_bias: whether that one convolution sees where the image ends; see
        `glf.layers.same_conv`.

    Raises:
      ValueError: for an edge bias with a network of its own; in `build`, for events that are no
        images.
    """

    def __init__(self, make_network=None, edge_bias=False, *, dtype="float32"):
        super().__init__(dtype=dtype)
        if edge_bias and make_network is not None:
            raise ValueError(
                "ConditionalGaussian.edge_bias is of the convolution that stands where no network "
                f"is given; got make_network={make_network!r} as well. Let the network see edges."
            )
        self.make_network = make_network
        self.edge_bias = edge_bias

    def build(self, input_shape, condition_shape=None):
        """Makes the network, or the constants."""
        super().build(input_shape, condition_shape)
        self.family = Gaussian(self.event_shape[-1], dtype=self.dtype)
        units = self.family.parameter_size * self.event_shape[-1]
        if self.context_shape is None and self.edge_bias:
            self.network = ZeroConv2D(0, units, edge_bias=True, dtype=self.dtype)
        elif self.context_shape is None:
            self.constants = self.add_weight(name="constants", shape=(units,), initializer="zeros")
        elif self.make_network is None:
            features = self.context_shape[-1]
            self.network = ZeroConv2D(features, units, edge_bias=self.edge_bias, dtype=self.dtype)
        else:
            where = "ConditionalGaussian.make_network"
            self.network = made_by(self.make_network, where, units=units, dtype=self.dtype)
            self.network.build(self.context_shape)

    def _parameters(self, condition, training=False):
        """The raw parameters, [batch or 1, height or 1, width or 1, channels, 2]."""
        context = self.context(condition)
        if context is None and self.edge_bias:
            context = tf.zeros((1, *self.event_shape[:2], 0), self.compute_dtype)
        elif context is None:
            return self.family.at_places(self.constants.value[None, None, None])
        raw = self.network(context, training=training)
        return self.family.at_places(tf.cast(raw, context.dtype))

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z | context), shape [batch], in nats."""
        raw = self._parameters(condition, training)
        z = self.family.values_at_places(tf.cast(z, self.compute_dtype))
        each = self.family.log_prob(raw, z)
        return tf.reduce_sum(each, axis=(1, 2, 3))

    @property
    def reparameterization_type(self):
        """Samples are μ + exp(s) ε."""
        from tensorflow_probability import distributions as tfd  # slow to import

        return tfd.FULLY_REPARAMETERIZED

    def _sample(self, num, seed, temperature, condition):
        """μ + temperature · exp(s) · ε: [num, height, width, channels]; μ at temperature 0."""
        shape = tf.concat([[num], self.event_shape], 0)
        noise = self.family.noise(shape, random.fold(seed, "normal"))
        drawn = self.family.decide(self._parameters(condition), noise, temperature)
        return tf.ensure_shape(drawn[..., 0], (None, *self.event_shape))
