"""The factor that keeps gradients within what float16 can hold."""

import math

import tensorflow as tf

# As Keras' own `LossScaleOptimizer` has them.
INITIAL, GROWTH_STEPS = 2.0**15, 2000
# Results of a step beside loss terms and norms.
STATES = ("loss_scale", "skipped_steps")


class LossScale(tf.Module):
    """A dynamic scale of the loss (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2).

      g = ∇(scale * loss) / scale

    float16 reaches from 6e-8 to 65504: gradients below would be 0, and those above are no numbers.
    A step whose gradients are not finite changes no weight, and halves the scale; after
    `growth_steps` steps in a row that were, it is doubled. It is a power of two, so that nothing is
    rounded by it. At 1 there is nothing left to halve: gradients that are not finite then count as
    they do without a scale.

    Attributes:
      scale: the present one, float32 [].
      good: steps since it changed, int64 [].
      skipped: how many steps were skipped so far, int64 [].

    Raises:
      ValueError: if the first scale is not a power of two of at least 1.
    """

    def __init__(self, initial=INITIAL, growth_steps=GROWTH_STEPS):
        super().__init__()
        if initial < 1 or math.frexp(initial)[0] != 0.5:
            raise ValueError(f"A scale is a power of two of at least 1, got {initial}.")
        self.growth_steps = growth_steps
        self.scale = tf.Variable(float(initial), trainable=False, name="loss_scale")
        self.good = tf.Variable(0, dtype=tf.int64, trainable=False, name="good_steps")
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False, name="skipped_steps")

    @property
    def values(self):
        """What checkpoints hold."""
        return [self.scale, self.good, self.skipped]

    def up(self, loss):
        """The loss whose gradient is taken."""
        return loss * tf.cast(self.scale, loss.dtype)

    def down(self, gradients):
        """The gradients of the loss itself, of those of what `up` gives."""
        return tf.nest.map_structure(lambda g: g / tf.cast(self.scale, g.dtype), gradients)

    def guarded(self, norms, apply, skip):
        """Calls `apply`, or `skip` where a norm is not finite, in a graph, and sets the scale.

        Args:
          norms: {name: norm of gradients}.
          apply: changes weights.
          skip: changes none.

        Returns `norms`, 0 where the step was skipped, with "loss_scale", that of this step, and
        "skipped_steps", 1 if it was.
        """
        scale = tf.convert_to_tensor(self.scale)
        finite = tf.reduce_all(tf.math.is_finite(tf.stack([0.0, *norms.values()])))
        skipped = ~finite & (scale > 1.0)

        def skipping():
            skip()
            self.scale.assign(scale / 2)
            self.good.assign(0)
            self.skipped.assign_add(1)
            return tf.constant(0)

        def applying():
            apply()
            good = self.good + 1
            grown = good >= self.growth_steps
            # The largest that leaves room for a loss of float32.
            larger = tf.minimum(2 * scale, 2.0**100)
            self.scale.assign(tf.where(grown, larger, scale))
            self.good.assign(tf.where(grown, tf.zeros_like(good), good))
            return tf.constant(0)

        tf.cond(skipped, skipping, applying)
        norms = {name: tf.where(skipped, tf.zeros_like(n), n) for name, n in norms.items()}
        return norms | {"loss_scale": scale, "skipped_steps": tf.cast(skipped, tf.float32)}
