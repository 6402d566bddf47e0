"""Variational autoencoders: the weights of draws that all of them are trained by."""

import abc
import math
import typing

import tensorflow as tf

from glf.core import random
from glf.core.fused import fused
from glf.core.part import made_by
from glf.models.latent_model import LatentModel


class Draws(typing.NamedTuple):
    """K draws of the posterior of each example.

    Attributes:
      distortion: D, [K, batch], in nats.
      kl: log q(z | x) - log p(z), or the KL divergence in its place, [K, batch], in nats.
      z: the latents, [batch * K, d], those of one example one after the other.
      context: the labels' context of these, or None.
    """

    distortion: tf.Tensor
    kl: tf.Tensor
    z: tf.Tensor
    context: tf.Tensor | None


class Variational(LatentModel):
    """Images x by latents z ~ p(z), trained through a posterior q(z | x).

    A draw z ~ q(z | x) of an example has the weight

      log w = -D(x, decoder(z)) + log p(z) - log q(z | x),

    where D is what a subclass takes for -log p(x | z). What is trained is minus a bound of K
    weights: with `ELBO`

      E[D] + KL(q(z | x) || p(z))          (Kingma, Welling 2013, arXiv 1312.6114, equation 3),

    the KL divergence in closed form where posterior and prior are Gaussian and otherwise that of
    the draws; with `ImportanceWeighted` the model is an importance-weighted autoencoder, IWAE
    (Burda, Grosse, Salakhutdinov 2015, arXiv 1509.00519, equation 8).

    The latents of an image are the centre of its posterior. Labels c reach prior and decoder,
    p(z | c) and p(x | z, c); the posterior sees x alone.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_posterior: called with `latent_size`; makes q(z | x), whose parameters the encoder gives.
      make_bound: makes the bound that is trained.
      parts: further arguments of `LatentModel`.

    Raises:
      ValueError: see `LatentModel`.
    """

    conditional_decoder = True

    def __init__(self, spec, *, latent_size, make_posterior, make_bound, **parts):
        name = type(self).__name__
        posterior = made_by(make_posterior, f"{name}.make_posterior", latent_size=latent_size)
        super().__init__(spec, latent_size=latent_size, encoded=posterior.encoded, **parts)
        self.posterior = posterior
        self.bound = made_by(make_bound, f"{name}.make_bound")

    @abc.abstractmethod
    def _distortion(self, h, x):
        """D of what the decoder gives, h, and images x: [batch], in nats."""

    def _draws(self, x, seed, condition, training, num=None):
        """`Draws` of each example: as many as the bound takes, or `num`.

        For the ELBO "kl" is the KL divergence itself where that has a closed form; of `num` draws
        it is that of the draws.
        """
        context = self._context(condition)
        h = self.autoencoder.encode(self.to_unit(x), training)
        closed = num is None and self.bound.order == 0
        kl = self.posterior.divergence(h, self.prior) if closed else None
        num = self.bound.num_samples if num is None else num
        # Draws of one example are neighbours: its noise does not depend on the batch's size.
        h, repeated_x = _repeated(h, num), _repeated(x, num)
        context = None if context is None else _repeated(context, num)
        z, log_q = fused(self.posterior.draw, h, random.fold(seed, "posterior"), training)
        distortion = self._distortion(self._h(z, context, training), repeated_x)
        if kl is None:
            log_p = tf.cast(fused(self.prior.log_prob, z, context, training), tf.float32)
            kl = by_draws(log_q - log_p, num)
        else:
            kl = tf.repeat(kl[None], num, 0)
        return Draws(by_draws(distortion, num), kl, z, context)

    def parameter_groups(self):
        """Those of `LatentModel`; the posterior belongs to the autoencoder."""
        groups = super().parameter_groups()
        return {**groups, "autoencoder": groups["autoencoder"] + self.posterior.trainable_weights}

    def _encode(self, x, condition):
        return self.posterior.centre(self.autoencoder.encode(self.to_unit(x)))


def by_draws(values, num):
    """Numbers of the draws of one example after the other, [batch * num], as [num, batch]."""
    return tf.transpose(tf.reshape(values, (-1, num)))


def checked_weights(owner, **weights):
    """The values of weights of terms of a loss.

    Raises:
      ValueError: if one is not a positive number.
    """
    for argument, value in weights.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{owner}.{argument} must be a positive number, got {value!r}.")
    return tuple(weights.values())


def _repeated(values, num):
    """Every row `num` times, one after the other: [batch, ...] to [batch * num, ...]."""
    return values if num == 1 else tf.repeat(values, num, 0)
