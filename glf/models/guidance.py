"""The ability to guide samples towards their labels."""

import abc
import typing

import tensorflow as tf

from glf.core import random
from glf.core.checks import checked_guidance
from glf.models.signatures import Ability, Signature, Value


class HasGuidance(Ability):
    """Models whose samples can be guided towards their condition, away from what has none.

    Attributes:
      guidable: whether this one was made for it.
    """

    @property
    @abc.abstractmethod
    def guidable(self):
        """Whether training has told it what its latents are without a condition."""

    @typing.final
    def sample_guided(self, num, seed, guidance, temperature=1.0, condition=None):
        """Draws as `sample` does, with a weight of guidance, a number w of at least 0.

        At 0 these are samples of the model given the condition, up to rounding; the larger w is,
        the more is exaggerated what they have because of it. They follow no density of the model.

        Raises:
          ValueError: as of `sample`; for a weight that is negative or not finite, and of a model
            that is not `guidable`.
        """
        return self.draw_guided(num, seed, guidance, temperature, condition).finite().x

    @typing.final
    def draw_guided(self, num, seed, guidance, temperature=1.0, condition=None):
        """The same samples as `Drawn`, see `draw`."""
        if not self.guidable:
            raise ValueError(
                f"This {type(self).__name__} cannot be guided: it has not learned what its latents "
                "are without a label. Train one with labels and GLF.label_drop = 0.1."
            )
        given = {"guidance": checked_guidance(guidance)}
        return self._requested(self._draw_guided, (), num, seed, temperature, condition, **given)

    @abc.abstractmethod
    def _draw_guided(self, num, seed, temperature, condition, guidance):
        """`Drawn` of one piece; `guidance` is a float32 tensor []."""

    def export_signatures(self):
        """ "sample_guided", where it can be."""
        if not self.guidable:
            return super().export_signatures()

        def sample_guided(num, temperature, seed, guidance, conditions):
            seed = random.make_seed(seed)
            return {"images": self.sample_guided(num, seed, guidance, temperature, conditions)}

        weight = Value(tf.TensorSpec([], tf.float32), ", at least 0; 0 is no guidance")
        takes = self._request_value()
        conditions = {"conditions": takes.pop("conditions")}
        takes |= {"guidance": weight} | conditions
        does = "Draws images, guided towards their conditions; the same seed gives the same images."
        signature = Signature(sample_guided, does, takes, {"images": self._drawn_value()})
        return [signature, *super().export_signatures()]
