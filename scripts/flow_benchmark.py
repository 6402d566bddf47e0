"""Flows of this package against the same flows built only from TensorFlow Probability's parts."""

import functools
import time

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
        return self.prior.log_prob(x)

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


def real_nvp_of_ours():
    """Eight `AffineCoupling`s that move the second and the first half in turn."""
    from glf.bijectors import AffineCoupling, Chain
    from glf.networks.conditioner import DenseConditioner
    from glf.priors import Flow

    network = functools.partial(
        DenseConditioner, hidden=HIDDEN, num_layers=2, batch_norm=False, zero_init_last=False
    )
    sides = ["second" if i % 2 else "first" for i in range(LAYERS)]
    flow = Flow(lambda: Chain([AffineCoupling(side, network) for side in sides]))
    flow.build((None, DIMENSIONS))
    return OfOurs(flow)


def glow_of_tfp():
    """`tfb.Glow` with its own networks."""
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
        grab_after_block=[0.5] * SCALES,
    )
    base = tfd.MultivariateNormalDiag(tf.zeros(size), tf.ones(size))
    distribution = tfd.TransformedDistribution(base, glow)
    distribution.log_prob(tf.zeros((2, *IMAGE)))  # makes the weights
    return OfTFP(distribution, list(glow.trainable_variables))


def glow_of_ours():
    """`MultiScale` of the same numbers of scales, steps and filters."""
    from glf.bijectors import ActNorm, ImageCoupling, InvertibleConv1x1, Repeated, SigmoidAffineMap
    from glf.networks.glow_conv import GlowConditioner
    from glf.priors import ConditionalGaussian, MultiScale, StandardNormal

    network = functools.partial(GlowConditioner, filters=FILTERS)
    coupling = functools.partial(ImageCoupling, SigmoidAffineMap, make_conditioner=network)
    flow = MultiScale(
        lambda: Repeated([ActNorm, InvertibleConv1x1, coupling], num=STEPS),
        SCALES,
        make_preprocessing=None,
        make_part=ConditionalGaussian,
        make_last=StandardNormal,
    )
    flow.build((None, *IMAGE))
    return OfOurs(flow)


def programs(flow, points):
    """Two compiled callables, and seconds of tracing and compiling: ({name: task}, {name: s})."""
    import tensorflow as tf

    num = points.shape[0]

    def gradient_step(x):
        with tf.GradientTape() as tape:
            tape.watch(flow.weights)
            loss = -tf.reduce_mean(flow.log_prob(x))
        return loss, tape.gradient(loss, flow.weights)

    seconds, tasks = {}, {}
    for name, function, inputs in (
        ("gradient", gradient_step, (points,)),
        ("sample", lambda: flow.sample(num), ()),
    ):
        traced = tf.function(function, jit_compile=True, autograph=False)
        began = time.perf_counter()
        program = traced.get_concrete_function(*inputs)
        seconds[f"{name}: trace"] = time.perf_counter() - began
        began = time.perf_counter()
        program(*inputs)
        seconds[f"{name}: compile"] = time.perf_counter() - began

        def task(program=program, inputs=inputs):
            outcome = program(*inputs)
            tf.nest.flatten(outcome)[0].numpy()

        tasks[name] = task
    return tasks, seconds


def pairs():
    """{name: (TFP's, ours, points)}, made when asked for."""
    import tensorflow as tf

    from glf.core import random

    vectors = random.normal([POINTS, DIMENSIONS], 0)
    images = random.normal([IMAGES, *IMAGE], 0)
    yield (
        f"RealNVP, {LAYERS} layers, D = {DIMENSIONS}, batch {POINTS}",
        real_nvp_of_tfp,
        real_nvp_of_ours,
        vectors,
    )
    shape = "x".join(map(str, IMAGE))
    yield (
        f"Glow, {SCALES} scales of {STEPS} steps, {FILTERS} filters, {shape}, batch {IMAGES}",
        glow_of_tfp,
        glow_of_ours,
        tf.identity(images),
    )
