"""One place after the other: the definition that solvers are held to."""

import tensorflow as tf

from glf.solvers.base import Solution, Solver, compared


class Sequential(Solver):
    """P full passes, of each of which the values of one place are taken, and one to check.

    The values behind are 0 until their turn, so that no passing infinity gets into a network, where
    0 · ∞ would be NaN. The definition of the slow direction, of its gradient too: that one goes
    back through all passes.

    Args:
      jit: see `Solver`.
    """

    def __call__(self, system):
        """See `Solver`; differentiated pass by pass."""
        return self._held(system)

    def solve(self, system):
        """See `Solver`."""
        places, last = tf.constant(system.places, tf.int32)[None], system.num_places

        def one_place(k, image, log_derivative, new, new_log_derivative):
            now = places == k  # at 0 it is no place's turn
            image = tf.where(now, new, image)
            log_derivative = tf.where(now, new_log_derivative, log_derivative)
            return k + 1, image, log_derivative, *system.once(image)

        # What a pass gives is taken and compared in the next turn and behind the loop: XLA may
        # compute twice, each time with other roundings, what one turn makes and uses.
        blank = system.blank()
        zeros = tf.zeros_like(blank)
        _, image, log_derivative, new, _ = tf.while_loop(
            lambda k, *_: k <= last,
            one_place,
            (tf.constant(0), blank, zeros, zeros, zeros),
            maximum_iterations=last + 1,
            parallel_iterations=1,
        )
        certified, error = compared(new, image)
        none = tf.zeros(tf.shape(blank)[:1], tf.int32)
        calls = none + last
        equivalents = tf.cast(calls, tf.float32)
        return Solution(
            image, log_derivative, calls, equivalents, certified, error, tf.constant(last)
        )


class CachedSequential(Solver):
    """One place after the other, no activation computed twice: about one pass in all.

    Parts of a pass round otherwise than a whole pass, so that its image is not the definition's to
    the last bit, and its certificate seldom holds; `error` says by how much the last, full pass
    differs.

    Args:
      jit: see `Solver`.

    Raises:
      ValueError: when called for a system that has nothing cached.
    """

    def solve(self, system):
        """See `Solver`."""
        cached, last = system.cached, system.num_places
        if cached is None:
            raise ValueError(
                "CachedSequential needs a network that keeps its activations from place to place, "
                "and this one cannot; take Sequential or FixedPoint."
            )

        def one_place(k, image, log_derivative, state):
            image, new, state = cached.advance(k, image, state)
            return k + 1, image, log_derivative + new, state

        blank = system.blank()
        _, image, log_derivative, _ = tf.while_loop(
            lambda k, *_: k <= last,
            one_place,
            (tf.constant(1), blank, tf.zeros_like(blank), cached.begin(*system.inputs)),
            maximum_iterations=last,
            parallel_iterations=1,
        )
        certified, error = compared(system.once(image)[0], image)
        calls = tf.fill(tf.shape(blank)[:1], last)
        equivalents = tf.ones_like(calls, tf.float32)
        return Solution(
            image, log_derivative, calls, equivalents, certified, error, tf.constant(last)
        )
