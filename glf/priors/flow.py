"""A flow: a base density seen through a bijector."""

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from glf.bijectors.chain import Repeated
from glf.bijectors.coupling import BothHalvesCoupling
from glf.bijectors.permutation import RandomPermutation
from glf.bijectors.view import flatten_leading, match_leading
from glf.core import random
from glf.priors.base import Prior
from glf.priors.standard import StandardNormal


def paper_bijector(num=4):
    """Generative Latent Flow's bijector: `num` both-halves couplings, each with a permutation."""
    return Repeated([BothHalvesCoupling, RandomPermutation], num=num)


class Flow(Prior):
    """A normalizing flow: z = forward(u) with u from a base density.

      log p(z | condition) = log p_base(u) + log|det du/dz|,   u = inverse(z; condition)

    Density and samples come from the bijector's fused methods, one evaluation of every network
    per pass; `distribution` hands out the same ones under TFP's interface.

    Args:
      make_bijector: factory of the bijector, called without arguments; its dtype is the flow's.
      make_base: factory of the base density, called without arguments, of the same dtype.

    Raises:
      ValueError: if bijector and base have different dtypes.
    """

    def __init__(self, make_bijector=paper_bijector, make_base=StandardNormal, *, name=None):
        bijector, base = make_bijector(), make_base()
        if bijector.compute_dtype != base.compute_dtype:
            raise ValueError(
                "A flow's bijector and base need one dtype, got "
                f"{bijector.compute_dtype} and {base.compute_dtype}."
            )
        super().__init__(dtype=bijector.compute_dtype, name=name)
        self.bijector = bijector
        self.base = base

    def build(self, input_shape, condition_shape=None):
        """Builds bijector and base."""
        super().build(input_shape, condition_shape)
        self.bijector.build(input_shape, condition_shape)
        self.base.build(input_shape)

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z | condition), shape [batch], in nats."""
        u, log_det = self.bijector.inverse_and_log_det(z, condition, training)
        return self.base.log_prob(u) + log_det

    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws from the base at `temperature` and maps forward: [num, ...event].

        With a condition of shape [num, c], row i of the sample follows row i of the condition.
        """
        return self.from_base(self.base.sample(num, seed, temperature), condition)

    def to_base(self, z, condition=None):
        """The base point u of every z."""
        return self.bijector.inverse_and_log_det(z, condition)[0]

    def from_base(self, u, condition=None):
        """The point z of every base point u."""
        return self.bijector.forward_and_log_det(u, condition)[0]

    def distribution(self, condition=None):
        """This flow as a `tfd.Distribution`: its `log_prob` and `sample` are the fused ones.

        Without a condition its batch shape is []; with one of shape [batch, c] it is [batch], one
        distribution for each row. Only integers and [2] seeds give reproducible samples; for
        those, `distribution().sample(n, seed)` equals `sample(n, seed)`.
        """
        return _FlowDistribution(self, condition)


class _FlowDistribution(tfd.Distribution):
    """TFP's interface over a flow; owns nothing."""

    def __init__(self, flow, condition):
        parameters = dict(locals())
        self._flow = flow
        self._given = None if condition is None else tf.cast(condition, flow.compute_dtype)
        super().__init__(
            dtype=tf.as_dtype(flow.compute_dtype),
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=f"{flow.name}_distribution",
        )

    def _event_shape(self):
        return tf.TensorShape(self._flow.event_shape)

    def _event_shape_tensor(self):
        return tf.constant(self._flow.event_shape, tf.int32)

    def _batch_shape(self):
        return tf.TensorShape([]) if self._given is None else self._given.shape[:1]

    def _batch_shape_tensor(self, **kwargs):
        return tf.constant([], tf.int32) if self._given is None else tf.shape(self._given)[:1]

    def _log_prob(self, z):
        rank = len(self._flow.event_shape)
        if self._given is not None:
            leading = tf.broadcast_dynamic_shape(
                tf.shape(z)[: tf.rank(z) - rank], tf.shape(self._given)[:1]
            )
            z = tf.broadcast_to(z, tf.concat([leading, self._event_shape_tensor()], 0))
        rows, leading = flatten_leading(z, rank)
        rows = tf.ensure_shape(rows, (None, *self._flow.event_shape))
        return tf.reshape(self._flow.log_prob(rows, match_leading(self._given, leading)), leading)

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed) if seed is None else random.make_seed(seed)
        leading = tf.concat([[n], self._batch_shape_tensor()], 0)
        condition = match_leading(self._given, leading)
        rows = self._flow.sample(tf.reduce_prod(leading), seed, condition=condition)
        return tf.reshape(rows, tf.concat([leading, self._event_shape_tensor()], 0))
