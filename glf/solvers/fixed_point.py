"""Fixed-point iteration: all values at once, again and again, until none changes."""

import math

import numpy as np
import tensorflow as tf

from glf.core.checks import check_at_least
from glf.solvers.base import Solution, Solver, compared, over_event, tame


class FixedPoint(Solver):
    """image ← g(image) until no bit of it changes (Jacobi iteration).

    In each pass the values up to the first that changed, and this one, become final, so that P
    passes are enough whatever g is, and mostly far fewer are needed. The k-th place is not touched
    again after the k-th pass, and an example whose pass changed nothing is done and stays: that
    last pass is its certificate, image == g(image).

    The solution is, bit for bit, what `Sequential` finds with the same step in eager mode and in
    graphs: value i of g is the same function of the same bits before it, and what lies behind it is
    multiplied by zero, which adds nothing to a sum of finite numbers. Between programs, batch sizes
    or devices g itself may round otherwise; then each of them has its own last bits, and each its
    own certificate. XLA makes two programs of two solvers, and another one of the pass by which
    `Sequential` ends: in float32 this may find the last bits changed, and says so. The pass that
    certifies a fixed point is one of its own loop.

    With a `tolerance` an example is done when no value changes by more than that:
    |g(image) - image| <= tolerance. The image is the one that the pass was made of, and `error` the
    largest change that it found: the residual, not the distance from the solution.

    Blocks: places are cut into that many equal runs, and iterated one run after the other
    (Gauss-Seidel over blocks, Jacobi within; Song et al. 2021, "Accelerating Feedforward
    Computation via Parallel Nonlinear Equation Solving"). It takes more passes than one block does;
    guesses far ahead of what is known are not computed from.

    Args:
      tolerance: absolute, at least 0; 0: exact.
      blocks: at least 1, at most P.
      draft: whether to start from the system's draft, where it has one, instead of zeros.

      jit: see `Solver`.

    Raises:
      ValueError: for other arguments; when called, for more blocks than places.
    """

    def __init__(self, tolerance=0.0, blocks=1, draft=True, jit=False):
        super().__init__(jit)
        if not 0 <= tolerance < math.inf:
            raise ValueError(
                f"FixedPoint.tolerance is a finite number of at least 0, got {tolerance}."
            )
        check_at_least("FixedPoint.blocks", blocks, 1)
        self.tolerance, self.blocks, self.draft = tolerance, blocks, draft

    def solve(self, system):
        """See `Solver`. P passes and a certificate at most."""
        last = system.num_places
        if self.blocks > last:
            raise ValueError(
                f"FixedPoint.blocks is {self.blocks}, but there are only {last} places to be cut "
                "into blocks."
            )
        start = system.guess() if self.draft else system.blank()
        if self.blocks == 1:
            image, log_derivative, new, calls = self._all_at_once(system, start)
            certified, error = compared(new, image)
        else:
            search = _Search(system, self._ends(last), self.tolerance)
            state = tf.while_loop(
                lambda i, state: tf.reduce_any(state["active"]),
                lambda i, state: (i + 1, search.once_more(state)),
                (tf.constant(0), search.start(start)),
                maximum_iterations=last + 1,
                parallel_iterations=1,
            )[1]
            image, log_derivative, calls = (state[k] for k in ("image", "log_derivative", "calls"))
            certified, error = state["certified"], state["error"]
        equivalents = tf.cast(calls, tf.float32)
        return Solution(
            image, log_derivative, calls, equivalents, certified, error, tf.constant(last)
        )

    def _all_at_once(self, system, start):
        """One block: (image, log-derivatives, g(image), calls), with little beside the passes."""
        places, last = tf.constant(system.places, tf.int32)[None], system.num_places
        zero, nan = (tf.constant(value, start.dtype) for value in (0.0, math.nan))

        def active(new, image):
            if self.tolerance > 0:
                return over_event(tf.reduce_any, farther(new, image, self.tolerance))
            return over_event(tf.reduce_sum, tf.abs(new - image)) != 0

        def going_on(k, image, log_derivative, new, calls):
            if self.tolerance > 0:
                return tf.reduce_any(active(new, image))
            return any_changed(new, image)

        def once_more(k, image, log_derivative, new, calls):
            # After k passes places up to k are final: the k-th in `new`, those before it in both.
            renewed, still = places >= k, active(new, image)
            if self.tolerance > 0:
                renewed &= _beside(still, places)
            image = tf.where(renewed, new, image)
            # A guess that is no number is seen as 0.
            in_place = tf.where(places > k, zero, nan)
            new, log_derivative = system.once(tf.where(tf.math.is_nan(image), in_place, image))
            return k + 1, image, log_derivative, new, calls + tf.cast(still, tf.int32)

        # No number is what the first guess is compared with, so that every example begins.
        nothing = tf.fill(tf.shape(start), nan)
        none = tf.zeros(tf.shape(start)[:1], tf.int32)
        _, *found, calls = tf.while_loop(
            going_on,
            once_more,
            (tf.constant(0), nothing, tf.zeros_like(start), start, none),
            maximum_iterations=last + 1,
            parallel_iterations=1,
        )
        return *found, tf.minimum(calls, last)

    def _ends(self, last):
        """For 0 to P final places, the last place of the block that comes next."""
        edges = np.round(np.linspace(0, last, self.blocks + 1)).astype(np.int32)
        after = np.searchsorted(edges, np.arange(last + 1), side="right")
        return edges[np.minimum(after, self.blocks)]


# Differences are taken of values so many times larger: of small ones they would be less than the
# least number that processors do not take for 0.
_SCALE = 2.0**64


def any_changed(new, image):
    """Whether a value is not the same in both: bool []. Of values beyond 1e19 it says so always.

    A sum of differences is many times faster than comparisons of a large batch.
    """
    return tf.reduce_sum(tf.abs(_SCALE * new - _SCALE * image)) != 0  # no number, too


def farther(new, image, tolerance):
    """Which values are not within `tolerance` of each other, or no numbers."""
    # Not ~(gap <= tolerance), which TensorFlow's graph optimizer turns into gap > tolerance.
    gap = tf.abs(new - image)
    return (gap > tolerance) | tf.math.is_nan(gap)


def _beside(per_example, places):
    """[n] to [n, 1, ...], beside places [1, ...event]."""
    return tf.reshape(per_example, [-1, *[1] * (places.shape.rank - 1)])


class _Search:
    """A search of several blocks: its constants, and what a pass does."""

    def __init__(self, system, ends, tolerance):
        self.system, self.ends, self.tolerance = system, tf.constant(ends), tolerance
        self.places = tf.constant(system.places, tf.int32)[None]
        self.last = system.num_places

    def start(self, image):
        """The state before the first pass."""
        none = tf.zeros(tf.shape(image)[:1], tf.int32)
        return {
            "image": image,
            "log_derivative": tf.zeros_like(image),
            "final": none,  # so many places are final
            "active": none == 0,
            "calls": none,
            "certified": none > 0,
            "error": tf.cast(none, image.dtype),
        }

    def once_more(self, state):
        """One pass. Of an example that is done all values are final: it stays as it is."""
        image, final = state["image"], state["final"]
        new, log_derivative = self.system.once(image)
        certified, error = compared(new, image)
        moved = new != image if self.tolerance == 0 else farther(new, image, self.tolerance)

        end = tf.gather(self.ends, final)  # the last place of the block that comes next
        up_to_end = self.places <= _beside(end, self.places)
        moved &= (self.places > _beside(final, self.places)) & up_to_end
        # The first that moved is final with its new value, those behind are guesses.
        first = over_event(tf.reduce_min, tf.where(moved, self.places, self.last + 1))
        now_final = tf.minimum(first, end)
        guesses = tf.where(self.places > _beside(now_final, self.places), tame(new), new)
        renewed = (self.places >= _beside(first, self.places)) & up_to_end
        done = certified | ((first > end) & (end == self.last))
        return {
            "image": tf.where(renewed, guesses, image),
            "log_derivative": log_derivative,
            "final": now_final,
            "active": state["active"] & ~done,
            "calls": state["calls"] + tf.cast(state["active"] & (final < self.last), tf.int32),
            "certified": certified,
            "error": error,
        }
