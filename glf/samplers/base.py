"""What a sampler of autoregressive models is, and what it returns."""

import abc
import typing

import tensorflow as tf

from glf.layers.causal_conv import hold_weights


class Samples(typing.NamedTuple):
    """Samples and what they cost.

    Attributes:
      x: int32 [n, d, v], d positions of v values.
      calls: int32 [n], calls of the model until the sample was complete, the final check not
        among them.
      forward_equivalents: float32 [n], the positions that those calls computed, as a multiple of d.
      certified: bool [n], whether a last full pass gave back the sample itself.
      final_at: int32 [n, d], the call (from 1) after which each position was known to be final.
    """

    x: tf.Tensor
    calls: tf.Tensor
    forward_equivalents: tf.Tensor
    certified: tf.Tensor
    final_at: tf.Tensor


class Sampler(abc.ABC):
    """A function of (model, noise): with the same noise every sampler returns the same sample."""

    def __call__(self, model, noise, context=None, temperature=1.0, given=None):
        """Samples an `AutoregressiveModel`.

        Builds graph operations when called within a `tf.function`, which is how to call it: each
        sampler is a loop of many small steps.

        Args:
          model: an `AutoregressiveModel`.
          noise: [n, d, Q] from `model.noise`.
          context: what `model.context` made of the conditions of the n samples, or None.
          temperature: scalar; multiplies the noise.
          given: int32 [n, d, v] of known values, -1 where a value is to be sampled; None: all are.

        Returns `Samples`.
        """
        with hold_weights(model):
            return self.draw(model, noise, context, temperature, given)

    @abc.abstractmethod
    def draw(self, model, noise, context, temperature, given):
        """What a call does, with the model's kernels ready for use."""
