"""Triangular systems image = g(image): what is solved, by whom, and what it cost.

The slow direction of an autoregressive bijector is such a system: value i of g(image) depends only
on the values of the image before i, so that there is one solution, found value after value.
"""

import abc
import contextlib
import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf

from glf.solvers.gradient import with_implicit_gradient


@dataclasses.dataclass(frozen=True, eq=False)
class System:
    """image = g(image; inputs), one system an example, and what helps to solve it.

    Attributes:
      step: function of (image, *inputs), a full pass: returns g(image; inputs) and the
        log-derivative of every value, both of the image's shape [n, ...event]. Nothing but its
        arguments and weights may it depend on that a gradient should reach.
      inputs: tuple of tensors [n, ...]; the first has the image's dtype. None is left out.
      places: integers of the event's shape, from 1 to P, each there at least once: value i of g
        depends only on values of the image with a smaller place.
      draft: function of (*inputs), a guess of the image, [n, ...event], or None. It changes what a
        solution costs, not the solution, and no gradient passes through it.
      cached: a `Cached`, where there is one.
      hold: makes a context within which a pass prepares no weights anew, see `hold_weights`.
    """

    step: typing.Callable
    inputs: tuple
    places: np.ndarray
    draft: typing.Callable | None = None
    cached: "Cached | None" = None
    hold: typing.Callable = contextlib.nullcontext

    @property
    def num_places(self):
        """P: after that many full passes at most every value is final."""
        return int(self.places.max())

    def once(self, image):
        """A full pass, which sees values of the image within ±1e12.

        So a value that overflows does not make NaN, which is 0 · ∞, of those behind it.
        """
        return self.step(limited(image), *self.inputs)

    def blank(self):
        """Zeros of the image's shape."""
        first = self.inputs[0]
        return tf.zeros([tf.shape(first)[0], *self.places.shape], first.dtype)

    def guess(self):
        """The draft, of what is finite, or else zeros."""
        if self.draft is None:
            return self.blank()
        return tf.stop_gradient(tame(self.draft(*self.inputs)))


class Cached(abc.ABC):
    """One place after the other, no activation computed twice."""

    @abc.abstractmethod
    def begin(self, *inputs):
        """The state, nested tensors, before any place is known."""

    @abc.abstractmethod
    def advance(self, place, image, state):
        """Of place k, int32 [], from the places before it in `image`.

        Returns (image, its log-derivatives, state): the image with the values of place k, which was
        0 there and behind; [n, ...event] with their log-derivatives and 0 everywhere else; the
        state for place k + 1.
        """


class Solution(typing.NamedTuple):
    """The image, what it cost, and what the certificate found.

    Nothing is mended: an image whose certificate fails is returned as it is, and counted.

    Attributes:
      image: [n, ...event].
      log_derivative: [n, ...event].
      calls: int32 [n], passes until the solver took the example to be solved, at most P; a last one
        that changed nothing is among them, unless all values were known to be final before it.
      forward_equivalents: float32 [n], the places that those passes computed, as a multiple of P.
      certified: bool [n], whether a full pass gave back the image itself: image == g(image), no bit
        changed (but for the sign of a zero).
      error: [n], the largest |g(image) - image| of an example's values in that pass; ∞ where one of
        the two is no number.
      places: int32 [], P.
    """

    image: tf.Tensor
    log_derivative: tf.Tensor
    calls: tf.Tensor
    forward_equivalents: tf.Tensor
    certified: tf.Tensor
    error: tf.Tensor
    places: tf.Tensor


class Solver(abc.ABC):
    """A function of a `System` to its `Solution`.

    A solver writes `solve`. Image and log-derivatives have gradients by the implicit function
    theorem, see `glf.solvers.gradient`, whatever the way to them was.

    Args:
      jit: whether the loop is one XLA program, which is worth its compiling where passes are small:
        a pass of a small MADE then takes a tenth of the time. In eager mode it is compiled at every
        call.
    """

    given_by_code = ()

    def __init__(self, jit=False):
        self.jit = jit

    def __call__(self, system):
        """The `Solution` of a `System`, differentiable in its inputs and weights."""
        return Solution(*with_implicit_gradient(self._held, system))

    def _held(self, system):
        def solve():
            with system.hold():
                return self.solve(system)

        return tf.function(solve, jit_compile=True, autograph=False)() if self.jit else solve()

    @abc.abstractmethod
    def solve(self, system):
        """The same without regard to gradients."""


# What networks may see. Values that are not final can grow from pass to pass, final ones overflow,
# and an infinity would turn masked connections into 0 * infinity.
LARGEST_VALUE = 1e12


def limited(values):
    """Values as networks see them: within ±1e12; what is no number stays so."""
    return tf.clip_by_value(values, -LARGEST_VALUE, LARGEST_VALUE)


def tame(values):
    """Values limited to what networks can take: ±1e12, 0 for what is no number."""
    return limited(tf.where(tf.math.is_nan(values), tf.zeros_like(values), values))


def compared(new, image):
    """(certified, error) of an image by a full pass, `new` = g(image)."""
    same = new == image
    error = tf.where(same, tf.zeros_like(image), tf.abs(new - image))
    # A maximum passes over what is no number.
    error = tf.where(tf.math.is_nan(error), tf.constant(math.inf, error.dtype), error)
    return over_event(tf.reduce_all, same), tf.stop_gradient(over_event(tf.reduce_max, error))


def over_event(reduce, values):
    """`reduce` over all axes but the first."""
    return reduce(values, axis=range(1, values.shape.rank))
