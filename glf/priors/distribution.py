"""A prior under TensorFlow Probability's interface."""

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from glf.bijectors.view import flatten_leading, match_leading
from glf.core import random


class PriorDistribution(tfd.Distribution):
    """TFP's interface over a `Prior`, whose own `log_prob` and `sample` it calls; owns nothing.

    Without a condition its batch shape is []; with one of shape [batch, ...] it is [batch], one
    distribution for each row.

    Args:
      prior: a built `Prior`.
      condition: None, or what its methods take.
    """

    def __init__(self, prior, condition=None):
        parameters = dict(locals())
        self._prior = prior
        self._condition = None if condition is None else tf.cast(condition, prior.compute_dtype)
        super().__init__(
            dtype=tf.as_dtype(prior.compute_dtype),
            reparameterization_type=prior.reparameterization_type,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=f"{prior.name}_distribution",
        )

    def _event_shape(self):
        return tf.TensorShape(self._prior.event_shape)

    def _event_shape_tensor(self):
        return tf.constant(self._prior.event_shape, tf.int32)

    def _batch_shape(self):
        return tf.TensorShape([]) if self._condition is None else self._condition.shape[:1]

    def _batch_shape_tensor(self, **kwargs):
        return (
            tf.constant([], tf.int32) if self._condition is None else tf.shape(self._condition)[:1]
        )

    def _log_prob(self, z):
        rank = len(self._prior.event_shape)
        if self._condition is not None:
            leading = tf.broadcast_dynamic_shape(
                tf.shape(z)[: tf.rank(z) - rank], tf.shape(self._condition)[:1]
            )
            z = tf.broadcast_to(z, tf.concat([leading, self._event_shape_tensor()], 0))
        rows, leading = flatten_leading(z, rank)
        rows = tf.ensure_shape(rows, (None, *self._prior.event_shape))
        return tf.reshape(
            self._prior.log_prob(rows, match_leading(self._condition, leading)), leading
        )

    def _sample_n(self, n, seed=None):
        # A joint distribution that maps this one over its samples gives all of them one integer of
        # 512 bits: only TFP's own draw of a seed from it differs from one to the next.
        drawn = seed is None or (isinstance(seed, int) and seed.bit_length() > 64)
        seed = tfp.random.sanitize_seed(seed) if drawn else random.make_seed(seed)
        leading = tf.concat([[n], self._batch_shape_tensor()], 0)
        condition = match_leading(self._condition, leading)
        rows = self._prior._sample(tf.reduce_prod(leading), seed, 1.0, condition)
        return tf.reshape(rows, tf.concat([leading, self._event_shape_tensor()], 0))
