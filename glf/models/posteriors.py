"""Posteriors q(z | x) of variational autoencoders: draws, with their densities."""

import math

import keras
import tensorflow as tf

from glf.core import random
from glf.core.part import Part, made_by
from glf.families.base import bounded
from glf.priors.learned import DiagonalGaussian
from glf.priors.standard import StandardNormal


class GaussianPosterior(Part, keras.layers.Layer):
    """q(z | x) = N(z; μ, diag(exp(2 s))), with (μ, r) from the encoder and s = 7 tanh(r / 7).

    Kingma and Welling 2013, "Auto-Encoding Variational Bayes" (arXiv 1312.6114), section 3.

    Args:
      latent_size: the number of latents, d.

    Attributes:
      encoded: the number of values that the encoder gives, here 2 d.
    """

    given_by_code = ("latent_size",)

    def __init__(self, latent_size):
        super().__init__(dtype="float32")
        self.latent_size = latent_size
        self.encoded = 2 * latent_size
        self.built = True

    def draw(self, h, seed, training=False):
        """(z, log q(z | x)) of one draw for each row of h [batch, encoded]: [batch, d], [batch].

        log q is computed from the noise, where no digits are lost.
        """
        del training
        mean, log_scale = self._gaussian(h)
        noise = random.normal(tf.shape(mean), seed)
        constant = 0.5 * self.latent_size * math.log(2 * math.pi)
        log_q = -tf.reduce_sum(0.5 * tf.square(noise) + log_scale, 1) - constant
        return mean + tf.exp(log_scale) * noise, log_q

    def centre(self, h):
        """The mean, [batch, d]."""
        return self._gaussian(h)[0]

    def divergence(self, h, prior):
        """KL(q || prior), [batch], or None for a prior with which it has no closed form.

        Σ ((μ - m) / σ)² / 2 + (exp(2 r) - 1) / 2 - r, with r = s - log σ, m and σ the prior's.
        """
        if not isinstance(prior, StandardNormal | DiagonalGaussian):
            return None
        mean, log_scale = self._gaussian(h)
        # Of the logarithms of scales, not of scales as TFP does: no digits are lost.
        if isinstance(prior, DiagonalGaussian):
            loc, scale = prior.loc.value, tf.exp(prior.log_scale.value)
            square = tf.math.squared_difference(mean / scale, loc / scale)
            log_scale -= prior.log_scale.value
        else:
            square = tf.square(mean)
        return tf.reduce_sum(0.5 * square + 0.5 * tf.math.expm1(2.0 * log_scale) - log_scale, 1)

    def _gaussian(self, h):
        """μ and s, both [batch, d]."""
        d = self.latent_size
        return h[:, :d], bounded(h[:, d : 2 * d])


class FlowPosterior(GaussianPosterior):
    """z = f(z_0; c), z_0 ~ N(μ, diag(exp(2 s))): the encoder gives μ, s and the context c.

      log q(z | x) = log N(z_0; μ, exp(2 s)) - log|det df/dz_0|

    Rezende and Mohamed 2015, "Variational Inference with Normalizing Flows" (arXiv 1505.05770),
    equation 13, whose planar and radial maps are the bijectors `Planar` and `Radial`; Kingma et al.
    2016, "Improving Variational Inference with Inverse Autoregressive Flow" (arXiv 1606.04934),
    which is `IAF`. Draws take the bijector's forward direction, which all three have in one pass.

    Args:
      latent_size: the number of latents, d.
      make_bijector: makes f, called without arguments.
      context: the number of values of c, at least 0. With none the flow is the same for all x.

    Raises:
      ValueError: for a negative number.
    """

    def __init__(self, latent_size, *, make_bijector, context=0):
        super().__init__(latent_size)
        if context < 0:
            raise ValueError(f"FlowPosterior.context must be at least 0, got {context}.")
        self.context_size = context
        self.encoded += context
        self.bijector = made_by(make_bijector, "FlowPosterior.make_bijector")
        self.bijector.build((None, latent_size), (None, context) if context else None)

    def draw(self, h, seed, training=False):
        """See `GaussianPosterior`."""
        start, log_q = super().draw(h, seed)
        z, log_det = self.bijector.forward_and_log_det(start, self._flow_context(h), training)
        return z, log_q - log_det

    def centre(self, h):
        """f(μ; c), where the centre of the Gaussian goes."""
        return self.bijector.forward(super().centre(h), self._flow_context(h))

    def divergence(self, h, prior):
        """None: it has no closed form."""
        return None

    def _flow_context(self, h):
        return h[:, 2 * self.latent_size :] if self.context_size else None
