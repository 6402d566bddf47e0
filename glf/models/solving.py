"""Models that draw from a flow, whose slow directions, where it has any, are solved."""

import abc
import functools
import typing

import tensorflow as tf

from glf.models.signatures import Ability
from glf.solvers.parts import slow_parts, solving


class SolvedPoints(typing.NamedTuple):
    """Points of a flow, and what solving its slow directions took, all of them together.

    Attributes:
      x: [n, ...event], what the flow draws: data, latents or images in [0, 1].
      calls: int32 [n], passes until the solver took the last direction to be solved.
      forward_equivalents: float32 [n], what those passes computed, in passes of the flow that
        compute every place once.
      certified: bool [n], whether in each of them a full pass gave back the image itself.
      error: float32 [n], the largest |g(image) - image| of any value in those passes.
      places: int32 [n], of all of them together: the passes that the definition takes.
    """

    x: tf.Tensor
    calls: tf.Tensor
    forward_equivalents: tf.Tensor
    certified: tf.Tensor
    error: tf.Tensor
    places: tf.Tensor


class DrawsByFlow(Ability):
    """Models that draw from a `Prior` that may have slow directions."""

    @property
    @abc.abstractmethod
    def sampled_prior(self):
        """The `Prior` that is drawn from."""

    @property
    def slow_parts(self):
        """Its parts with a slow direction in drawing; none for most flows."""
        return slow_parts(self.sampled_prior)

    @typing.final
    def solve_with(self, solver, num, seed, temperature=1.0, condition=None):
        """Draws points of the flow, every slow direction solved by `solver`, and what that took.

        Arguments and errors as of `sample`, and `solver`: a `Solver`; compiled at its first use.

        Returns `SolvedPoints`.

        Raises:
          ValueError: if there is no slow direction to be solved.
        """
        if not self.slow_parts:
            raise ValueError(
                f"Nothing of this {type(self).__name__} is solved: its flow has no autoregressive "
                "bijector, such as a MAF."
            )
        return self._requested(self._solved, (solver,), num, seed, temperature, condition)

    def _solved(self, solver, num, seed, temperature, condition):
        """The same of one piece."""
        context = self._context(condition)
        with solving(self.sampled_prior, solver) as solutions:
            x = self.sampled_prior.sample(num, seed, temperature, context)
        if not solutions:
            raise ValueError(
                f"The flow of this {type(self).__name__} draws by its fast direction: none of its "
                "slow ones is solved."
            )
        equivalents = tf.add_n([s.forward_equivalents for s in solutions]) / len(solutions)
        errors = [tf.cast(s.error, tf.float32) for s in solutions]
        return SolvedPoints(
            x,
            tf.add_n([s.calls for s in solutions]),
            equivalents,
            functools.reduce(tf.logical_and, [s.certified for s in solutions]),
            functools.reduce(tf.maximum, errors),
            tf.fill(tf.shape(x)[:1], tf.add_n([s.places for s in solutions])),
        )
