"""Lower bounds on log P(x), from the weights of draws.

Each draw v ~ q(v | x) of a dequantizer has the weight

  w = p_y((x + v) / levels) / (levels^D q(v | x)),      E[w] = P(x),

and each draw z of a variational autoencoder's posterior w = P(x | z) p(z) / q(z | x).

A bound makes one number for each example of the logarithms of K weights; its mean over the draws is
at most log P(x).
"""

import abc

import tensorflow as tf


class Bound(abc.ABC):
    """A function of log-weights [num_samples, batch] to bounds on log P(x), [batch], in nats.

    Args:
      num_samples: draws of each example, K, at least 1.

    Attributes:
      name: what the bound is called in reports.

    Raises:
      ValueError: for no draw; when called, for weights of another number of draws.
    """

    given_by_code = ()

    def __init__(self, num_samples):
        if num_samples < 1:
            raise ValueError(f"{type(self).__name__} needs num_samples >= 1, got {num_samples}.")
        self.num_samples = num_samples

    @property
    @abc.abstractmethod
    def name(self):
        """What the bound is called in reports."""

    @property
    @abc.abstractmethod
    def order(self):
        """The order p of the mean (Σ w^p / K)^(1/p) of which this is the logarithm, at most 1."""

    def __call__(self, log_weights):
        """The logarithm of the power mean, [batch] of [num_samples, batch].

        Computed in float64, relative to the largest weight (the least one if p < 0) by

          log w* + log1p(mean(expm1(p (log w - log w*)))) / p,

        which overflows for no weights and is exact also where p is next to 0. Where that largest
        or least weight is 0 the bound is -inf.
        """
        log_weights = tf.convert_to_tensor(log_weights)
        if log_weights.shape.rank != 2 or log_weights.shape[0] not in (None, self.num_samples):
            raise ValueError(
                f"{self.name} takes log-weights of shape [{self.num_samples}, batch], got "
                f"{log_weights.shape}."
            )
        if self.order == 0:
            return tf.reduce_mean(log_weights, axis=0)
        wide = tf.cast(log_weights, tf.float64)
        extreme = tf.reduce_max if self.order > 0 else tf.reduce_min
        # The result does not depend on where the centre is, and so has no gradient by way of it.
        centre = tf.stop_gradient(extreme(wide, axis=0))
        # Of nothing but zeros the differences would be inf - inf.
        finite = tf.math.is_finite(centre)
        differences = tf.where(finite, wide - tf.where(finite, centre, 0.0), 0.0)
        relative = tf.reduce_mean(tf.math.expm1(self.order * differences), axis=0)
        return tf.cast(centre + tf.math.log1p(relative) / self.order, log_weights.dtype)


class ELBO(Bound):
    """E[log w], by the mean of the log-weights: the variational bound, p -> 0.

    Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++", section 3.1.

    Args:
      num_samples: draws of each example; more of them only lessen the noise.
    """

    def __init__(self, num_samples=1):
        super().__init__(num_samples)

    name = "ELBO"
    order = 0.0


class ImportanceWeighted(Bound):
    """log((w_1 + ... + w_K) / K): p = 1. It rises with K, in expectation, towards log P(x).

    Burda, Grosse, Salakhutdinov 2015, "Importance Weighted Autoencoders" (arXiv 1509.00519),
    section 3; for dequantization Hoogeboom, Cohen, Tomczak 2020.

    Args:
      num_samples: draws of each example, K.
    """

    order = 1.0

    def __init__(self, num_samples=8):
        super().__init__(num_samples)

    @property
    def name(self):
        """ "IW-K"."""
        return f"IW-{self.num_samples}"


class Renyi(Bound):
    """log(Σ w^(1 - α) / K) / (1 - α): the variational Rényi bound of order α, p = 1 - α.

    Li, Turner 2016, "Rényi Divergence Variational Inference" (arXiv 1602.02311), sections 3 and
    4.1. α = 0 is the importance-weighted bound, α = 1, as the limit, the ELBO. The power mean of
    given weights falls as α grows, so that for every α >= 0 it is at most the importance-weighted
    bound, and a lower bound of log P(x) in expectation; for α < 0 it need not be.

    Args:
      alpha: α, at least 0 and finite.
      num_samples: draws of each example, K.

    Raises:
      ValueError: for other α.
    """

    def __init__(self, alpha=0.5, num_samples=8):
        super().__init__(num_samples)
        if not 0 <= alpha < float("inf"):
            raise ValueError(
                f"Renyi needs a finite alpha >= 0, got {alpha}: below 0 it is no lower bound."
            )
        self.alpha = alpha

    @property
    def name(self):
        """ "Renyi-α-K"."""
        return f"Renyi-{self.alpha:g}-{self.num_samples}"

    @property
    def order(self):
        """1 - α."""
        return 1.0 - self.alpha
