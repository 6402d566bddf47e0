"""Priors that are fitted to latents: a Gaussian, and mixtures of Gaussians."""

import abc
import math
import warnings

import numpy as np
import tensorflow as tf
from absl import logging
from threadpoolctl import threadpool_limits

from glf.core import random
from glf.priors.base import Prior


class FittedPrior(Prior):
    """Mixtures of Gaussians with full covariances, whose parameters no gradient trains.

      p(z | c) = sum_k pi_ck N(z; mu_ck, L_ck L_ck^T)

    Of maps of latents z are all values in raster order.

    `fit` sets them. Of a prior with a condition [batch, C], C classes, c is the index of the
    largest of its numbers, and each class has parameters of its own; without one, C = 1. Before it
    is fitted it is the standard normal. Temperature scales the noise, that of the component, too:

      k = argmax_k (log pi_ck + temperature gumbel_k)     z = mu_ck + temperature L_ck epsilon

    so that at temperature 0 it is the mean of the likeliest component.

    Args:
      num_components: of the mixture, K, at least 1.
      examples: the number of training examples that it is fitted to, at least 2; where there are
        fewer, all of them.
      regularization: added to the variances, at least 0.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(self, num_components, *, examples, regularization, dtype="float32"):
        super().__init__(dtype=dtype)
        name = type(self).__name__
        if num_components < 1 or examples < 2:
            raise ValueError(
                f"{name} needs num_components >= 1 and examples >= 2, got "
                f"num_components={num_components}, examples={examples}."
            )
        if not 0 <= regularization < float("inf"):
            raise ValueError(f"{name}.regularization must be at least 0, got {regularization}.")
        self.num_components, self.examples = num_components, examples
        self.regularization = regularization

    def build(self, input_shape, condition_shape=None):
        """Makes the parameters: those of standard normals."""
        super().build(input_shape, condition_shape)
        self.classes = 1 if condition_shape is None else condition_shape[-1]
        self.size = size = math.prod(self.event_shape)
        each = (self.classes, self.num_components)

        def parameter(name, *shape):
            options = {"initializer": "zeros", "trainable": False}
            return self.add_weight(name=name, shape=(*each, *shape), **options)

        self.log_weights = parameter("log_weights")
        self.loc = parameter("loc", size)
        # L, and L^-T, which a density needs: solving for it in each call would cost more.
        self.scale = parameter("scale", size, size)
        self.whitening = parameter("whitening", size, size)
        self.log_weights.assign(np.full(each, -np.log(self.num_components)))
        for factor in (self.scale, self.whitening):
            factor.assign(np.broadcast_to(np.eye(size), factor.shape))

    @property
    def parameters(self):
        """How many numbers make it: C (K (1 + d + d (d + 1) / 2) - 1)."""
        size = self.size
        return self.classes * (self.num_components * (1 + size + size * (size + 1) // 2) - 1)

    @abc.abstractmethod
    def estimate(self, z):
        """(pi [K], mu [K, d], covariances [K, d, d]) of points z [n, d], in float64."""

    def fit(self, z, labels=None):
        """Sets the parameters by points z [n, ...event] of labels [n], where there are classes.

        On one thread, so that the same points give the same bits.

        Returns the mean of -log p(z | c) over these points, in nats.

        Raises:
          ValueError: if a point is not finite, or a class has not more points than components.
        """
        z, name = np.asarray(z, np.float64).reshape(len(z), -1), type(self).__name__
        if not np.all(np.isfinite(z)):
            bad = np.count_nonzero(~np.isfinite(z).all(1))
            raise ValueError(f"{name} is fitted to finite points; {bad} of {len(z)} are not.")
        labels = np.zeros(len(z), int) if self.classes == 1 else np.asarray(labels)
        fitted = []
        for label in range(self.classes):
            mine = z[labels == label]
            if len(mine) <= self.num_components:
                of = f" of class {label}" if self.classes > 1 else ""
                raise ValueError(
                    f"{name} with {self.num_components} components is to be fitted to "
                    f"{len(mine)} points{of}; take fewer components, or more of {name}.examples."
                )
            with threadpool_limits(1):
                weights, means, covariances = self.estimate(mine)
                factors = np.linalg.cholesky(covariances)
                inverses = np.swapaxes(np.linalg.inv(factors), 1, 2)
            with np.errstate(divide="ignore"):
                fitted.append((np.log(weights), means, factors, inverses))
        values = map(np.stack, zip(*fitted, strict=True))
        parameters = (self.log_weights, self.loc, self.scale, self.whitening)
        for weight, value in zip(parameters, values, strict=True):
            weight.assign(value.astype(self.dtype))
        condition = None if self.classes == 1 else np.eye(self.classes)[labels]
        parts = np.array_split(np.arange(len(z)), -(-len(z) // 4096))
        points = z.reshape(-1, *self.event_shape)
        rows = [
            self.log_prob(points[p], None if condition is None else condition[p]) for p in parts
        ]
        return -float(np.concatenate(rows).mean(dtype=np.float64))

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z | c), shape [batch], in nats."""
        z = tf.reshape(tf.cast(z, self.compute_dtype), (-1, self.size))
        difference = z[:, None, None] - self.loc.value
        whitened = tf.einsum("ncki,ckij->nckj", difference, self.whitening.value)
        diagonal = tf.linalg.diag_part(tf.convert_to_tensor(self.whitening.value))
        constant = tf.reduce_sum(tf.math.log(diagonal), -1)
        constant -= 0.5 * np.log(2 * np.pi) * self.size
        each = constant + self.log_weights.value - 0.5 * tf.reduce_sum(whitened**2, -1)
        labels = self._labels(condition, tf.shape(z)[0])
        return tf.reduce_logsumexp(tf.gather(each, labels, batch_dims=1), -1)

    def _sample(self, num, seed, temperature, condition):
        dtype = tf.as_dtype(self.compute_dtype)
        temperature, labels = tf.cast(temperature, dtype), self._labels(condition, num)
        shape = tf.stack([num, self.size])
        noise = random.normal(shape, random.fold(seed, "normal"), dtype)
        choices = tf.stack([num, self.num_components])
        gumbel = random.gumbel(choices, random.fold(seed, "gumbel"), dtype)
        log_weights = tf.gather(self.log_weights.value, labels)
        component = tf.argmax(log_weights + temperature * gumbel, 1, tf.int32)
        chosen = tf.stack([labels, component], 1)
        # XLA gathers from tensors, not from variables.
        scale, loc = tf.convert_to_tensor(self.scale.value), tf.convert_to_tensor(self.loc.value)
        moved = tf.linalg.matvec(tf.gather_nd(scale, chosen), noise)
        z = tf.gather_nd(loc, chosen) + temperature * moved
        return tf.reshape(z, (-1, *self.event_shape))

    def _labels(self, condition, num):
        """The class of each row."""
        if self.classes == 1:
            return tf.zeros([num], tf.int32)
        # Of maps a context has places, of which there is one.
        return tf.argmax(tf.reshape(condition, (-1, self.classes)), 1, tf.int32)


class FittedGaussian(FittedPrior):
    """p(z | c) = N(z; mu_c, L_c L_c^T), mu_c the mean and L_c L_c^T the covariance of the latents.

    Args:
      examples: the number of training examples that it is fitted to, at least 2; where there are
        fewer, all of them.
      regularization: added to the variances, at least 0.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(self, *, examples=20_000, regularization=1e-6, dtype="float32"):
        super().__init__(1, examples=examples, regularization=regularization, dtype=dtype)

    def estimate(self, z):
        """The mean, and the covariance with the divisor n."""
        size = z.shape[1]
        covariance = np.reshape(np.cov(z, rowvar=False, bias=True), (size, size))
        covariance = covariance + self.regularization * np.eye(size)
        return np.ones(1), z.mean(0)[None], covariance[None]


class FittedMixture(FittedPrior):
    """p(z | c) = sum_k pi_ck N(z; mu_ck, L_ck L_ck^T), by EM as scikit-learn has it.

    It begins with the clusters of one k-means, and ends where the mean log-likelihood rises by less
    than 1e-3 in an iteration. Ghosh et al. 2019 (arXiv 1903.12436) take 10 components.

    Args:
      num_components: of the mixture, K, at least 1.
      examples: the number of training examples that it is fitted to, at least 2; where there are
        fewer, all of them.
      regularization: added to the variances, at least 0.
      max_iterations: of EM, at least 1; where they do not suffice it is logged.
      seed: of k-means.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(
        self,
        num_components=10,
        *,
        examples=20_000,
        regularization=1e-6,
        max_iterations=100,
        seed=0,
        dtype="float32",
    ):
        super().__init__(
            num_components, examples=examples, regularization=regularization, dtype=dtype
        )
        if max_iterations < 1:
            raise ValueError(
                f"FittedMixture.max_iterations must be at least 1, got {max_iterations}."
            )
        self.max_iterations, self.seed = max_iterations, seed

    def estimate(self, z):
        """What EM ends with."""
        from sklearn.exceptions import ConvergenceWarning  # slow to import, needed only here
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            self.num_components,
            max_iter=self.max_iterations,
            reg_covar=self.regularization,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(z)
        if not mixture.converged_:
            logging.info(
                "The mixture of %d was still rising after %d iterations of EM "
                "(FittedMixture.max_iterations).",
                *(self.num_components, self.max_iterations),
            )
        return mixture.weights_, mixture.means_, mixture.covariances_
