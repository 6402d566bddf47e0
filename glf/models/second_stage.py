"""A variational autoencoder of latents, in the place of their prior."""

import functools
import math

import keras
import tensorflow as tf

from glf.core import random
from glf.core.part import Part, made_by
from glf.models.posteriors import GaussianPosterior
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors.standard import StandardNormal

NETWORK = functools.partial(
    DenseConditioner, hidden=1024, num_layers=3, batch_norm=False, zero_init_last=False
)


class SecondStage(Part, keras.layers.Layer):
    """Latents z [batch, d] by latents u ~ N(0, I) of the same size, with a learned deviation g.

      -log N(z; decoder(u), g^2) + KL(q(u | z) || N(0, I)),    u ~ q(u | z) = N(encoder(z))

    is at least -log p(z). Its samples are decoder(u) + g noise. Dai and Wipf 2019, "Diagnosing and
    Enhancing VAE Models" (arXiv 1903.05789), section 4; their networks see their inputs again in
    front of the last layer, these do not.

    Args:
      latent_size: d.
      make_network: makes encoder and decoder, called with `units=` and `dtype=`.
    """

    given_by_code = ("latent_size",)

    def __init__(self, latent_size, *, make_network=NETWORK):
        super().__init__(dtype="float32")
        self.latent_size = latent_size
        self.posterior = GaussianPosterior(latent_size)
        self.prior = StandardNormal()
        self.prior.build((None, latent_size))
        self.encoder, self.decoder = (
            made_by(make_network, "SecondStage.make_network", units=units, dtype="float32")
            for units in (self.posterior.encoded, latent_size)
        )

    def build(self, condition_shape=None):
        """Makes the weights; conditions are vectors [None, c]."""
        self.encoder.build((None, self.latent_size), condition_shape)
        self.decoder.build((None, self.latent_size), condition_shape)
        self.log_deviation = self.add_weight(name="log_deviation", shape=(), initializer="zeros")
        self.built = True

    def loss_terms(self, z, seed, condition=None, training=False):
        """(-log p(z | u), KL) of a draw of u for each z, each [batch], in nats."""
        h = self.encoder(z, condition, training=training)
        u, _ = self.posterior.draw(h, seed)
        squares = tf.math.squared_difference(z, self.decoder(u, condition, training=training))
        log_normaliser = self.log_deviation.value + 0.5 * math.log(2 * math.pi)
        precision = tf.exp(-2 * self.log_deviation.value)
        distortion = 0.5 * precision * tf.reduce_sum(squares, 1) + self.latent_size * log_normaliser
        return distortion, self.posterior.divergence(h, self.prior)

    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws z [num, d]; `temperature` multiplies the noise of u and of z."""
        u = self.prior.sample(num, random.fold(seed, "u"), temperature, condition)
        noise = self.prior.sample(num, random.fold(seed, "z"), temperature)
        return self.decoder(u, condition) + tf.exp(self.log_deviation.value) * noise
