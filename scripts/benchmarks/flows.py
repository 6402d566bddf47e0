"""Flows of this package and the same flows built only from TensorFlow Probability's parts.

RealNVP has 8 affine couplings of 20 dimensions, half of which are moved, with networks of two
hidden layers of 64; both flows have the same weights, and are given 512 points. Glow has 2 scales
of 4 steps for images of 16 x 16 x 3, with networks of 64 filters; half of the channels leaves after
the first scale, under a Gaussian that one convolution conditions on the rest. They are given 32
images. See `glow_of_tfp` for what differs. All are compiled by XLA; what is traced is traced each
time for a number of points that was not traced before, what is compiled is compiled once.
"""

import functools
import itertools

from .rounds import in_turn, median

DIMENSIONS, LAYERS, HIDDEN, POINTS = 20, 8, 64, 512
IMAGE, SCALES, STEPS, FILTERS, IMAGES = (16, 16, 3), 2, 4, 64, 32


class OfTFP:
    """A `tfd.Distribution` with the weights of its networks, which TFP does not know."""

    def __init__(self, distribution, weights):
        self.distribution, self.weights = distribution, weights

    def log_prob(self, x):
        """log p(x), [batch]."""
        return self.distribution.log_prob(x)

    def sample(self, num):
        """Draws `num` points."""
        return self.distribution.sample(num, seed=(0, 1))


class OfOurs:
    """A prior of this package."""

    def __init__(self, prior):
        self.prior, self.weights = prior, [w.value for w in prior.trainable_weights]

    def log_prob(self, x):
        """log p(x), [batch]."""
        return self.prior.log_prob(x, training=True)

    def sample(self, num):
        """Draws `num` points."""
        return self.prior.sample(num, (0, 1))


def real_nvp_of_tfp():
    """Eight couplings of `tfb.RealNVP` that mask the first and the last half in turn."""
    import tensorflow as tf
    import tf_keras
    from tensorflow_probability import bijectors as tfb
    from tensorflow_probability import distributions as tfd

    half, networks = DIMENSIONS // 2, []

    def coupling(index):
        layers = [tf_keras.layers.Dense(HIDDEN, "relu") for _ in range(2)]
        network = tf_keras.Sequential([*layers, tf_keras.layers.Dense(2 * half)])
        network.build((None, half))
        networks.append(network)

        def parameters(x, units, **_):
            shift, log_scale = tf.split(network(x), 2, axis=-1)
            return shift, 2.0 * 0.636 * tf.atan(log_scale)

        return tfb.RealNVP(
            num_masked=half if index % 2 else -half, shift_and_log_scale_fn=parameters
        )

    chain = tfb.Chain([coupling(i) for i in range(LAYERS)])
    base = tfd.MultivariateNormalDiag(tf.zeros(DIMENSIONS), tf.ones(DIMENSIONS))
    distribution = tfd.TransformedDistribution(base, chain)
    return OfTFP(distribution, [w for n in networks for w in n.trainable_weights])


def bijector_of_ours(batch_norm=False):
    """Eight `AffineCoupling`s that move the second and the first half in turn."""
    from glf.bijectors import AffineCoupling, Chain
    from glf.networks.dense_conditioner import DenseConditioner

    network = functools.partial(
        DenseConditioner, hidden=HIDDEN, num_layers=2, batch_norm=batch_norm, zero_init_last=False
    )
    sides = ["second" if i % 2 else "first" for i in range(LAYERS)]
    return Chain([functools.partial(AffineCoupling, side, network) for side in sides])


def real_nvp_of_ours():
    """A flow of them."""
    from glf.priors import Flow

    flow = Flow(bijector_of_ours)
    flow.build((None, DIMENSIONS))
    return OfOurs(flow)


def glow_of_tfp():
    """`tfb.Glow` with its own networks; half of the channels leaves after every scale but the last.

    Against ours, its convolutions have neither the normalised kernels nor the learned output scales
    (those are in Glow's published code), its scales have no bounds, and it holds each 1 x 1
    convolution in one c x c matrix where ours has two triangles of which half counts. Both
    initialise their actnorms by data within the compiled step.
    """
    import numpy as np
    import tensorflow as tf
    from tensorflow_probability import bijectors as tfb
    from tensorflow_probability import distributions as tfd

    size = int(np.prod(IMAGE))
    glow = tfb.Glow(
        output_shape=IMAGE,
        num_glow_blocks=SCALES,
        num_steps_per_block=STEPS,
        coupling_bijector_fn=functools.partial(tfb.GlowDefaultNetwork, num_hidden=FILTERS),
        exit_bijector_fn=tfb.GlowDefaultExitNetwork,
        grab_after_block=[0.5] * (SCALES - 1) + [0.0],
    )
    base = tfd.MultivariateNormalDiag(tf.zeros(size), tf.ones(size))
    distribution = tfd.TransformedDistribution(base, glow)
    return OfTFP(distribution, list(glow.trainable_variables))


def glow(make_part):
    """`MultiScale` of these numbers of scales, steps and filters, built.

    Args:
      make_part: factory of the prior of what leaves after a scale.
    """
    from glf.bijectors import ActNorm, Chain, ImageCoupling, InvertibleConv1x1, SigmoidAffineMap
    from glf.networks.glow_conditioner import GlowConditioner
    from glf.priors import MultiScale, StandardNormal

    network = functools.partial(GlowConditioner, filters=FILTERS)
    coupling = functools.partial(ImageCoupling, SigmoidAffineMap, make_conditioner=network)
    flow = MultiScale(
        functools.partial(Chain, [ActNorm, InvertibleConv1x1, coupling], repeats=STEPS),
        SCALES,
        make_preprocessing=None,
        make_part=make_part,
        make_last=StandardNormal,
    )
    flow.build((None, *IMAGE))
    return flow


def glow_of_ours():
    """The same with a Gaussian that one convolution conditions on the rest."""
    from glf.priors import ConditionalGaussian

    return OfOurs(glow(ConditionalGaussian))


def functions(flow, points):
    """What is compared: {name: (function, its arguments)}."""
    import tensorflow as tf

    num = points.shape[0]

    def gradient_step(x):
        with tf.GradientTape() as tape:
            tape.watch(flow.weights)
            loss = -tf.reduce_mean(flow.log_prob(x))
        return loss, tape.gradient(loss, flow.weights)

    return {"gradient": (gradient_step, (points,)), "sample": (lambda: flow.sample(num), ())}


def trace(function, arguments):
    """Traces a function anew, to be compiled by XLA at its first call: a concrete function."""
    import tensorflow as tf

    traced = tf.function(function, jit_compile=True, autograph=False)
    return traced.get_concrete_function(*arguments)


def tracing(flow, points, kind):
    """A callable that traces what is compared, every time for one point less than the last."""
    sizes = itertools.count(points.shape[0] - 1, -1)
    return lambda: trace(*functions(flow, points[: next(sizes)])[kind])


def running(program, arguments, calls=1):
    """A callable that runs a program `calls` times and waits for the results."""
    import tensorflow as tf

    def run():
        for _ in range(calls):
            outcome = program(*arguments)
        tf.nest.flatten(outcome)[0].numpy()

    return run


def pairs():
    """Yields (name, maker of TFP's flow, maker of ours, points, calls in a round)."""
    from glf.core import random

    vectors = random.normal([POINTS, DIMENSIONS], 0)
    yield "RealNVP", real_nvp_of_tfp, real_nvp_of_ours, vectors, 20
    images = random.normal([IMAGES, *IMAGE], 0)
    yield "Glow", glow_of_tfp, glow_of_ours, images, 1


def measure(sizes):
    """Running, tracing, compiling."""
    figures = {}
    for name, make_theirs, make_ours, points, calls in pairs():
        flows = {"TFP": make_theirs(), "ours": make_ours()}
        for who, flow in flows.items():
            count = sum(weight.shape.num_elements() for weight in flow.weights)
            figures[f"{name}, weights, {who}"] = count
        for kind in ("gradient", "sample"):
            once, often, traces = {}, {}, {}
            for who, flow in flows.items():
                function, arguments = functions(flow, points)[kind]
                program = trace(function, arguments)
                once[who] = running(program, arguments)
                often[who] = running(program, arguments, calls)
                traces[who] = tracing(flow, points, kind)
            # The first call compiles.
            _compare(f"{name}, {kind}, compile", in_turn(once, 1), 1, figures)
            _compare(f"{name}, {kind}", in_turn(often, sizes.rounds), calls, figures)
            _compare(f"{name}, {kind}, trace", in_turn(traces, sizes.rounds), 1, figures)
    return figures


def _compare(name, seconds, calls, figures):
    ratios = [a / b for a, b in zip(seconds["TFP"], seconds["ours"], strict=True)]
    for who, values in seconds.items():
        figures[f"{name}, {who} (ms)"] = median(values) / calls * 1e3
    figures[f"{name}, TFP / ours"] = median(ratios)
