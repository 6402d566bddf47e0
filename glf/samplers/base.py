"""Samplers of autoregressive models, and what they return."""

import abc
import typing

import tensorflow as tf

from glf.layers.causal_conv import hold_weights
from glf.samplers.certificate import certify


class Draft(typing.NamedTuple):
    """What a sampler takes for samples, before they are checked, and what they cost.

    Attributes:
      x: int32 [n, d, v], d positions of v values.
      calls: int32 [n], calls of the model until the sample was complete.
      forward_equivalents: float32 [n], the positions that those calls computed, as a multiple of d.
      final_at: int32 [n, d], the call (from 1) after which each position was taken to be final.
    """

    x: tf.Tensor
    calls: tf.Tensor
    forward_equivalents: tf.Tensor
    final_at: tf.Tensor


class Samples(typing.NamedTuple):
    """Samples, what they cost, and what the certificate found.

    The sampler itself is judged by `mended`: a sampler that computes something else than the model
    ends with the right samples all the same, because they are mended until they are right.

    Attributes:
      x: int32 [n, d, v], d positions of v values.
      calls: int32 [n], calls of the model until the sampler took the sample to be complete: neither
        the final check nor the passes that mended are among them.
      forward_equivalents: float32 [n], the positions that those calls computed, as a multiple of d.
      certified: bool [n], whether a last full pass gave back the sample itself.
      mended: int32 [n], values in which what the sampler drew is not what was certified.
      mending_passes: int32 [n], full passes beyond the first that this took.
      final_at: int32 [n, d], the call (from 1) after which each position was taken to be final.
    """

    x: tf.Tensor
    calls: tf.Tensor
    forward_equivalents: tf.Tensor
    certified: tf.Tensor
    mended: tf.Tensor
    mending_passes: tf.Tensor
    final_at: tf.Tensor


class Sampler(abc.ABC):
    """A function of (model, noise): with the same noise every sampler returns the same sample.

    A sampler writes `draw`. What it drew is then checked by one full pass, mended where that pass
    finds something else, and what was mended is counted: see `certify`.
    """

    given_by_code = ()

    def __call__(self, model, noise, context=None, temperature=1.0, known=None):
        """Samples an `AutoregressiveModel`.

        Builds graph operations when called within a `tf.function`, which is how to call it: each
        sampler is a loop of many small steps.

        Args:
          model: an `AutoregressiveModel`.
          noise: [n, d, Q] from `model.noise`.
          context: what a condition encoder made of the conditions of the n samples, or None.
          temperature: scalar; multiplies the noise.
          known: int32 [n, d, v] of values, -1 where a value is to be sampled; None: all are.

        Returns `Samples`.
        """
        context = model.arranged(context)
        with hold_weights(model):
            draft = self.draw(model, noise, context, temperature, known)
            certified = certify(model, draft.x, noise, context, temperature, known)
        return Samples(**{**draft._asdict(), **certified._asdict()})

    def settings(self, model, num=None):
        """What a table says of this sampler beside its name, for `num` samples of `model`.

        Returns {"rows": rows of its window, "horizon": positions that it forecasts}, without those
        that it has not; empty for most samplers.
        """
        return {}

    @abc.abstractmethod
    def draw(self, model, noise, context, temperature, known):
        """The `Draft` that a call makes and then checks, with the model's kernels ready for use."""
