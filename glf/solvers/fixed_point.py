"""Fixed-point iteration: all values at once, again and again, until none changes."""

import math

import numpy as np
import tensorflow as tf

from glf.core.checks import check_at_least
from glf.solvers.base import LARGEST_VALUE, Solution, Solver, over_event, tame, unchanged


class FixedPoint(Solver):
    """image ← g(image) until no bit of it changes (Jacobi iteration).

    In each pass the values up to the first that changed, and this one, become final, so that P
    passes are enough whatever g is, and mostly far fewer are needed. Values that are final are not
    touched again, and an example whose pass changed nothing is done and stays: that last pass is
    its certificate, image == g(image).

    The solution is, bit for bit, what `Sequential` finds with the same step in the same program (in
    eager mode, in graphs and under XLA alike): value i of g is the same function of the same bits
    before it, and what lies behind it is multiplied by zero, which adds nothing to a sum of finite
    numbers. Between programs, batch sizes or devices g itself may round otherwise; then each of
    them has its own last bits, and each its own certificate.

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

    Raises:
      ValueError: for other arguments; when called, for more blocks than places.
    """

    def __init__(self, tolerance=0.0, blocks=1):
        if not 0 <= tolerance < math.inf:
            raise ValueError(
                f"FixedPoint.tolerance is a finite number of at least 0, got {tolerance}."
            )
        check_at_least("FixedPoint.blocks", blocks, 1)
        self.tolerance, self.blocks = tolerance, blocks

    def solve(self, system):
        """See `Solver`. P passes and a certificate at most."""
        last = system.num_places
        if self.blocks > last:
            raise ValueError(
                f"FixedPoint.blocks is {self.blocks}, but there are only {last} places to be cut "
                "into blocks."
            )
        search = _Search(system, self._ends(last), self.tolerance)
        start = search.start()
        state = tf.while_loop(
            lambda i, state: tf.reduce_any(state["active"]),
            lambda i, state: (i + 1, search.once_more(state)),
            (tf.constant(0), start),
            maximum_iterations=last + 1,
            parallel_iterations=1,
        )[1]
        calls = state["calls"]
        return Solution(
            state["image"],
            state["log_derivative"],
            calls,
            tf.cast(calls, tf.float32),
            state["certified"],
            state["error"],
        )

    def _ends(self, last):
        """For 0 to P final places, the last place of the block that comes next."""
        edges = np.round(np.linspace(0, last, self.blocks + 1)).astype(np.int32)
        after = np.searchsorted(edges, np.arange(last + 1), side="right")
        return edges[np.minimum(after, self.blocks)]


class _Search:
    """One request: its constants, and what a pass does."""

    def __init__(self, system, ends, tolerance):
        self.system, self.tolerance = system, tolerance
        self.ends = tf.constant(ends)
        self.places = tf.constant(system.places, tf.int32)[None]
        self.last = system.num_places

    def start(self):
        image = self.system.guess()
        n = tf.shape(image)[0]
        none = tf.zeros([n], tf.int32)
        return {
            "image": image,
            "log_derivative": tf.zeros_like(image),
            "final": none,  # so many places are final
            "active": none == 0,
            "calls": none,
            "certified": none > 0,
            "error": tf.zeros([n], image.dtype),
        }

    def once_more(self, state):
        """One pass, for whoever is active; all others stay as they are."""
        image, final, active = state["image"], state["final"], state["active"]
        new, log_derivative = self.system.step(image, *self.system.inputs)
        same = unchanged(new, image)
        change = tf.where(same, tf.zeros_like(new), tf.abs(new - image))
        settled = same if self.tolerance == 0 else change <= self.tolerance

        end = tf.gather(self.ends, final)
        is_open = (self.places > self._each(final)) & (self.places <= self._each(end))
        beyond = tf.where(is_open & ~settled, self.places, self.last + 1)
        # The first that changed is final with its new value.
        first = over_event(tf.reduce_min, beyond)
        now_final = tf.minimum(first, end)
        done = over_event(tf.reduce_all, same) | ((first > end) & (end == self.last))

        moves = is_open & (self.places >= self._each(first)) & self._each(active)
        limited = (self.places > self._each(now_final)) & ~(tf.abs(new) <= LARGEST_VALUE)
        moved = tf.where(limited, tame(new), new)
        renewed = {
            "log_derivative": log_derivative,
            "final": now_final,
            "active": ~done,
            "calls": state["calls"] + tf.cast(final < self.last, tf.int32),
            "certified": over_event(tf.reduce_all, same),
            "error": over_event(tf.reduce_max, change),
        }
        at_work = {1: active, self.places.shape.rank: self._each(active)}
        kept = {
            name: tf.where(at_work[value.shape.rank], value, state[name])
            for name, value in renewed.items()
        }
        return {"image": tf.where(moves, moved, image), **kept}

    def _each(self, per_example):
        """[n] to [n, 1, ...], beside values of the event."""
        return tf.reshape(per_example, [-1, *[1] * (self.places.shape.rank - 1)])
