"""Early stops for autoregressive samplers that are not ours: tfd.Autoregressive, or any function.

All that is needed is a function of all positions to all conditionals, and noise that stays the same
from call to call.
"""

import typing

import tensorflow as tf

from glf.core import random


class Iterated(typing.NamedTuple):
    """Samples and what they cost.

    Attributes:
      x: the samples, n of them along the first axis.
      calls: int32 [n], the last call that changed anything about each sample: all that it needed.
        The call that confirms it is not among them.
      certified: bool [n], whether a further call gave back the sample itself, bit by bit.
    """

    x: tf.Tensor
    calls: tf.Tensor
    certified: tf.Tensor


def iterate(step, initial, num_steps):
    """The fixed point of an autoregressive map, by Jacobi iteration.

      x^(k) = step(x^(k-1)),  k = 1, 2, ...,  until x^(k) = x^(k-1).

    Where position i of step(x) depends only on positions of x that come before i in some order, the
    first k positions of x^(k) are final, so that there is one fixed point and it is reached within
    d calls, whatever `initial` is (Song et al. 2021, arXiv 2002.03629). Positions that are decided
    together, such as the channels of a pixel, count as one.

    Builds a loop with a data-dependent stop when called within a `tf.function`, which is how to
    call it; called outside, it runs step by step.

    Args:
      step: maps x to x, the same each time: all its noise is fixed. Its rows must not depend on
        each other.
      initial: the first x, [n, ...], of the dtype that `step` returns.
      num_steps: d; the step is called at most so often, and once more to confirm the last sample.

    Returns `Iterated`. Samples that are not certified are no fixed points: `num_steps` was too
    small, the map is not autoregressive, draws new noise, or gives NaN.

    Raises:
      ValueError: if `num_steps` is less than 1, or `step` returns another shape or dtype than it
        was given.
    """
    static = tf.get_static_value(num_steps)
    if static is not None and static < 1:
        raise ValueError(f"num_steps must be at least 1, got {static}.")
    num_steps = tf.cast(num_steps, tf.int32)
    initial = tf.convert_to_tensor(initial)
    axes = list(range(1, initial.shape.rank))

    def more(k, x, calls, certified):
        return (k <= num_steps) & tf.logical_not(tf.reduce_all(certified))

    def call(k, x, calls, certified):
        y = tf.convert_to_tensor(step(x))
        if y.dtype != x.dtype or not y.shape.is_compatible_with(x.shape):
            raise ValueError(
                "One step must return what it is given, shape and dtype alike: got "
                f"{y.dtype.name} {y.shape} for {x.dtype.name} {x.shape}."
            )
        same = tf.reduce_all(y == x, axis=axes)
        # The call beyond the last one only confirms.
        y = tf.where(k < num_steps, y, x)
        calls = tf.where(same | (k == num_steps), calls, k + 1)
        return k + 1, tf.ensure_shape(y, x.shape), calls, same

    none = tf.zeros(tf.shape(initial)[:1], tf.int32)
    _, x, calls, certified = tf.while_loop(
        more, call, (0, initial, none, none > 0), parallel_iterations=1
    )
    return Iterated(x, calls, certified)


def predictive_sample(distribution_fn, initial, num, seed, num_steps=None):
    """Samples of `tfd.Autoregressive(distribution_fn, initial)`, with an early stop.

    tfd.Autoregressive composes x -> distribution_fn(x).sample(seed) d + 1 times, always with one
    and the same seed: that is `iterate` without a stop. Stopping where nothing changes any more
    gives the same samples, in as many calls as the slowest of them needs and one to confirm it.

    Distributions whose samples are a function of the seed and the parameters will do, each position
    with noise of its own: Normal, Logistic, Bernoulli, Categorical and most others of TFP, and
    `tfd.Independent` of them. `tfd.PixelCNN` is sampled otherwise (new noise in each of its steps,
    rounded only at the end, so that its samples are no fixed points): give a map that contains its
    network to `iterate` instead, once the network is masked, which its first optimizer step does.

    Equal bits need equal kernels: compare within graphs, or both eagerly; under XLA TFP draws other
    noise.

    Args:
      distribution_fn: as for `tfd.Autoregressive`: x [..., d] to the distribution of all
        positions given those before them.
      initial: as `sample0` of `tfd.Autoregressive`: x of one sample, such as zeros [d]. Leading
        dimensions are batch dimensions of the distribution.
      num: how many samples.
      seed: an integer or a pair of them. A pair gives the samples that tfd.Autoregressive draws
        with the same one.
      num_steps: calls at most; None: the size of an event, d.

    Returns `Iterated` with x [num, *batch_shape, *event_shape].

    Raises:
      ValueError: if `distribution_fn` returns no distribution, or a distribution of changing shape.
    """
    initial = tf.convert_to_tensor(initial)
    # Asked for its shape only: in a graph, nothing of it is computed.
    first = distribution_fn(initial)
    if not hasattr(first, "event_shape"):
        raise ValueError(
            "distribution_fn must return a tfd.Distribution of all positions, got "
            f"{type(first).__name__}; a function that returns logits is for predictive_argmax."
        )
    if num_steps is None:
        num_steps = first.event_shape.num_elements() or tf.reduce_prod(first.event_shape_tensor())
    shape = tf.concat([[num], first.batch_shape_tensor(), first.event_shape_tensor()], 0)
    x = tf.broadcast_to(tf.cast(initial, first.dtype), shape)
    import tensorflow_probability as tfp  # slow to import, needed only here

    seed = tfp.random.sanitize_seed(random.make_seed(seed), salt="Autoregressive")
    return iterate(lambda x: distribution_fn(x).sample(seed=seed), x, num_steps)


def predictive_argmax(logits_fn, noise, temperature=1.0, num_steps=None):
    """Samples of a model given as a function of x to the logits of all positions.

      x_i = argmax_c (logits_ic(x_<i) + temperature g_ic),

    with g standard Gumbel noise drawn beforehand, so that x is the fixed point of this map (Wiggers
    and Hoogeboom 2020, arXiv 2002.09928).

    Args:
      logits_fn: x int32 [n, d] to logits [n, d, levels]; those of position i depend only on
        positions before i, in whatever order.
      noise: g, [n, d, levels], as `gumbel_noise` draws it.
      temperature: scalar; 0 gives the most probable values.
      num_steps: calls at most; None: d.

    Returns `Iterated` with x int32 [n, d].

    Raises:
      ValueError: if the noise or the logits have other shapes.
    """
    noise = tf.convert_to_tensor(noise)
    if noise.shape.rank != 3:
        raise ValueError(f"noise has the shape [n, d, levels], got {noise.shape}.")

    def step(x):
        logits = tf.convert_to_tensor(logits_fn(x))
        if not logits.shape.is_compatible_with(noise.shape):
            raise ValueError(
                f"logits_fn must return logits of the shape of the noise, {noise.shape}, for x of "
                f"{x.shape}; got {logits.shape}."
            )
        return tf.argmax(logits + temperature * noise, -1, tf.int32)

    if num_steps is None:
        num_steps = noise.shape[1] or tf.shape(noise)[1]
    return iterate(step, tf.zeros(tf.shape(noise)[:2], tf.int32), num_steps)


def gumbel_noise(shape, seed):
    """Standard Gumbel noise of `shape`, the same bits in eager, graph and XLA mode."""
    return random.gumbel(shape, seed)
