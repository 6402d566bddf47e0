"""Optimizers and learning-rate schedules, as factories for configs to bind."""

import math

import keras
import tensorflow as tf

from glf.core.nameable import nameable
from glf.training.l2_adam import L2Adam


@nameable()
def adam(
    learning_rate=1e-3,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    l2=0.0,
    l2_names=None,
    make_schedule=None,
):
    """Adam (Kingma and Ba 2015) with optional coupled L2 decay and learning-rate schedule.

    Args:
      learning_rate: the base rate.
      beta_1: decay of the first moment.
      beta_2: decay of the second moment.
      epsilon: added to the root of the second moment.
      l2: the gradient becomes g + l2 * w: what l2 / 2 times the sum of squares adds to the loss.
      l2_names: names of the weights w for which it does, ("gain",) for instance; None: all.
      make_schedule: called with `learning_rate`; returns a Keras schedule. None: constant.
    """
    rate = make_schedule(learning_rate) if make_schedule else learning_rate
    return L2Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, l2=l2, l2_names=l2_names)


@nameable()
def adamax(learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8, make_schedule=None):
    """Adamax (Kingma and Ba 2015, section 7.1), the infinity-norm variant."""
    rate = make_schedule(learning_rate) if make_schedule else learning_rate
    return keras.optimizers.Adamax(rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


@keras.saving.register_keras_serializable("glf")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to the full rate over `steps`, then follows `after` (or stays)."""

    def __init__(self, learning_rate, steps, after=None):
        self.learning_rate, self.steps, self.after = learning_rate, steps, after

    def __call__(self, step):
        """The rate at `step`."""
        step = tf.cast(step, tf.float32)
        rate = self.after(step) if self.after else self.learning_rate
        return rate * tf.minimum(1.0, (step + 1.0) / max(self.steps, 1))

    def get_config(self):
        """The constructor's arguments."""
        return {"learning_rate": self.learning_rate, "steps": self.steps, "after": self.after}


@nameable("learning_rate")
def halve_every(learning_rate, steps):
    """rate * 0.5^floor(step / steps): halved every `steps` steps."""
    return keras.optimizers.schedules.ExponentialDecay(
        learning_rate, decay_steps=steps, decay_rate=0.5, staircase=True
    )


@nameable("learning_rate")
def cosine(learning_rate, steps, warmup_steps=0, final=0.0):
    """Cosine decay from the rate to `final` times it over `steps`, after a linear warm-up."""
    decay = keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps=steps, alpha=final)
    return Warmup(learning_rate, warmup_steps, decay) if warmup_steps else decay


@nameable("learning_rate")
def warmup(learning_rate, steps):
    """Linear warm-up over `steps`, then constant."""
    return Warmup(learning_rate, steps)


@nameable("learning_rate")
def until(learning_rate, step):
    """The rate for the first `step` steps, then 0: Adam leaves the weights exactly as they are.

    Raises:
      ValueError: if `step` is not at least 1.
    """
    return _switch("until", step, learning_rate, 0.0)


@nameable("learning_rate")
def starting_at(learning_rate, step):
    """0 for the first `step` steps, in which Adam changes no weight, then the rate.

    Adam's moments follow the gradient from the first step on.

    Raises:
      ValueError: if `step` is not at least 1.
    """
    return _switch("starting_at", step, 0.0, learning_rate)


def _switch(owner, step, before, after):
    if step < 1:
        raise ValueError(f"{owner}.step must be at least 1, got {step}.")
    # Up to and including its boundary the first value holds; steps are counted from 0.
    return keras.optimizers.schedules.PiecewiseConstantDecay([step - 1], [before, after])


@keras.saving.register_keras_serializable("glf")
class HoldThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The full rate up to step `hold`, then `decay` times smaller with every step, down to `final`.

    `final` is the least rate, not a part of the first one.
    """

    def __init__(self, learning_rate, hold, decay, final):
        self.learning_rate, self.hold, self.decay, self.final = learning_rate, hold, decay, final

    def __call__(self, step):
        """The rate at `step`."""
        beyond = tf.maximum(tf.cast(step, tf.float32) - self.hold, 0.0)
        # By logarithms: decay is near 1, and its power in float32 would lose digits.
        rate = self.learning_rate * tf.exp(beyond * math.log(self.decay))
        return tf.maximum(rate, self.final)

    def get_config(self):
        """The constructor's arguments."""
        names = ("learning_rate", "hold", "decay", "final")
        return {name: getattr(self, name) for name in names}


@nameable("learning_rate")
def hold_then_decay(learning_rate, warmup_steps, hold, decay, final):
    """Linear warm-up, then the full rate up to step `hold`, then decay to the rate `final`.

    From there on every step multiplies the rate by `decay`: the schedule of Flow++'s program.

    Raises:
      ValueError: if `decay` is not in (0, 1), or `final` not in (0, learning_rate].
    """
    if not 0 < decay < 1 or not 0 < final <= learning_rate:
        raise ValueError(
            "hold_then_decay needs decay in (0, 1) and final in (0, learning_rate], got "
            f"decay={decay}, final={final}, learning_rate={learning_rate}."
        )
    after = HoldThenDecay(learning_rate, hold, decay, final)
    return Warmup(learning_rate, warmup_steps, after)
