"""Wasserstein autoencoders: a deterministic encoder whose latents are spread like the prior."""

from types import MappingProxyType

import tensorflow as tf

from glf.core import random
from glf.models.abilities import HasLatentDensity
from glf.models.latent_model import LatentModel
from glf.models.reconstruction import SquaredError
from glf.networks.infogan import InfoGAN
from glf.priors.standard import StandardNormal

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class WAE(LatentModel, HasLatentDensity):
    """WAE-MMD (Tolstikhin et al. 2017, arXiv 1711.01558), algorithm 2.

    With z = encoder(y), y = x / (levels - 1), of a batch, and as many z' ~ N(0, I),

      loss = reconstruction(y, decoder(z)) + mmd_weight MMD^2(z, z'),

    the second one number for the batch, see `mmd`. With labels c the decoder is given them behind
    z, and the pairs (z, c) are compared with (z', c): only pairs of rows of the same label count.

    Args:
      spec: the data's `DataSpec`.
      latent_size: the number of latents, d.
      make_autoencoder: called with `image_shape` and `latent_size`, and for labels with `decoded`;
        makes the `Autoencoder`.
      make_reconstruction: makes the loss of (h, y), per example.
      make_condition_encoder: makes the `ConditionEncoder` of labels for the decoder; None: the
        model takes no condition.
      mmd_weight: the weight of MMD^2. The published program has 10 beside a squared error of
        weight 0.05: 200 here.

    Raises:
      ValueError: if `mmd_weight` is not positive.
    """

    conditional_decoder = True
    judges_batches = True
    meanings = MappingProxyType(
        {
            "reconstruction": "the reconstruction term of the loss",
            "mmd": "MMD^2 between the batch's latents and N(0, I), estimated, perhaps negative",
        }
    )

    def __init__(
        self,
        spec,
        *,
        latent_size=20,
        make_autoencoder=InfoGAN,
        make_reconstruction=SquaredError,
        make_condition_encoder=None,
        mmd_weight=200.0,
    ):
        super().__init__(
            spec,
            latent_size=latent_size,
            make_autoencoder=make_autoencoder,
            make_prior=StandardNormal,
            make_reconstruction=make_reconstruction,
            make_condition_encoder=make_condition_encoder,
        )
        if not 0 < mmd_weight < float("inf"):
            raise ValueError(f"WAE.mmd_weight must be positive, got {mmd_weight}.")
        self.mmd_weight = mmd_weight

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "reconstruction", "mmd"}, each [batch]; `seed` drives z'."""
        y = self.to_unit(x)
        z = self.autoencoder.encode(y, training)
        h = self._h(z, self._context(condition), training)
        reconstruction = self.reconstruction(h, y)
        noise = random.normal(tf.shape(z), random.fold(seed, "prior"))
        distance = tf.fill(tf.shape(z)[:1], mmd(z, noise, condition))
        loss = reconstruction + self.mmd_weight * distance
        return {"loss": loss, "reconstruction": reconstruction, "mmd": distance}


def mmd(a, b, labels=None):
    """An estimate of MMD^2 between the distributions of rows a and b, both [n, d]: a scalar.

      1 / (n (n - 1)) sum_{i != j} (k(a_i, a_j) + k(b_i, b_j)) - 2 / n^2 sum_ij k(a_i, b_j),
      k(u, v) = sum_s C_s / (C_s + |u - v|^2),   C_s = 2 d s,   s = 0.1, 0.2, 0.5, 1, 2, 5, 10,

    the inverse multiquadratic kernels of the published program. With `labels` [n] of both, k is
    0 for rows of different labels. Of one row the first sum is 0.
    """
    n = tf.shape(a)[0]
    same = 1.0 if labels is None else tf.cast(labels[:, None] == labels[None], tf.float32)
    others = same * (1.0 - tf.eye(n))

    def kernel(u, v):
        squares = tf.reduce_sum(u**2, 1)[:, None] + tf.reduce_sum(v**2, 1)
        distance = tf.maximum(squares - 2.0 * tf.matmul(u, v, transpose_b=True), 0.0)
        sizes = [2.0 * u.shape[1] * scale for scale in SCALES]
        return tf.add_n([size / (size + distance) for size in sizes])

    n = tf.cast(n, tf.float32)
    within = tf.reduce_sum(others * (kernel(a, a) + kernel(b, b)))
    within = tf.math.divide_no_nan(within, n * (n - 1.0))
    return within - 2.0 * tf.reduce_sum(same * kernel(a, b)) / n**2
