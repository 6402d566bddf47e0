"""The slow direction of autoregressive flows, by every solver: passes, milliseconds, agreement.

Masked autoregressive flows (MAF), trained here for some seconds each, sampled at batch 1, 32 and
512: on the eight Gaussians, on the 20 latents of a GLF and on the pixels of scikit-learn's digits.
Passes are those of all layers together as a percentage of their places, the confirming ones
included. Times are of the whole flow, base noise to data; solvers run as loops of TensorFlow's
kernels and as XLA programs, and are compared with the cached and the plain sequential one that runs
likewise. "differing" are values that are not the sequential solver's. The latents and the pixels
also with networks that see rounded values (`MAF.fraction_bits`), and the nats that this costs.
"""

import functools

from absl import logging

from .rounds import in_turn, median

BATCHES = (1, 32, 512)
SOLVERS = ("sequential", "cached_sequential", "fixed_point", "drafted", "tolerance")
# The same as XLA programs.
COMPILED = ("sequential, XLA", "cached_sequential, XLA", "fixed_point, XLA", "drafted, XLA")
STEPS = 1500
# What "rounded" networks see: multiples of 1/16.
BITS = 4


def flow_of(size, repeats, standardised, bits=None):
    """A built `Flow` on vectors: MAFs whose orders turn round, each with a draft."""
    from glf.bijectors import MAF, ActNorm, BatchNorm, Chain
    from glf.networks import MADE, DenseConditioner
    from glf.priors import Flow

    draft = functools.partial(DenseConditioner, hidden=128, batch_norm=False)
    layers = []
    for order in ("sequential", "reversed"):
        made = functools.partial(MADE, hidden=(64, 64), order=order)
        maf = functools.partial(MAF, make_network=made, make_draft=draft, fraction_bits=bits)
        layers += [BatchNorm if standardised else ActNorm, maf]
    flow = Flow(functools.partial(Chain, layers, repeats))
    flow.build((None, size))
    return flow


def trained(flow, points, steps=STEPS):
    """(flow, nats): after `steps` of Adam on batches of `points` [n, d], beside its drafts.

    The nats are the mean of the points' negative log-densities at the end.
    """
    import keras
    import tensorflow as tf

    from glf.core.mode import Training

    optimizer = keras.optimizers.Adam(1e-3)
    weights = flow.trainable_weights
    optimizer.build(weights)

    @tf.function(jit_compile=True, autograph=False)
    def step(z):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(flow.drafted(z) - flow.log_prob(z, None, Training(0)))
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    batch_of = batches(points)
    for i in range(steps):
        step(batch_of(i))
    return flow, -float(tf.reduce_mean(flow.log_prob(tf.constant(points, tf.float32))))


def batches(points, size=256):
    """A function of a step: rows of `points` [n, d] drawn for it."""
    import numpy as np

    rng = np.random.default_rng(0)
    return lambda step: points[rng.integers(len(points), size=size)].astype(np.float32)


def eight_gaussians(bits=None):
    """Eight maps of two dimensions, a third of configs/studies/toy/eight_gaussians_maf.gin."""
    import numpy as np

    from glf.data import make_dataset

    points = make_dataset("eight_gaussians").examples("train", np.arange(20_000))["x"]
    return trained(flow_of(2, 4, False, bits), np.asarray(points))


def digits(bits=None):
    """Four maps of the 64 pixels of 8x8 digits, made continuous by uniform noise."""
    import numpy as np

    pixels = _digits()
    noise = np.random.default_rng(1).uniform(size=(20, *pixels.shape))
    y = (pixels + noise).reshape(-1, 64) / 17.0
    y = 0.025 + 0.95 * y
    return trained(flow_of(64, 2, True, bits), np.log(y) - np.log1p(-y))


def latents(bits=None):
    """Four maps of the 20 latents of a GLF of the digits, trained first."""
    return trained(flow_of(20, 2, True, bits), _encoded())


@functools.cache
def _encoded():
    """The 20 latents [n, 20] of all digits."""
    import keras
    import tensorflow as tf

    from glf.networks import DenseAutoencoder

    y = (_digits() / 16.0).reshape(-1, 8, 8, 1).astype("float32")
    autoencoder = DenseAutoencoder((8, 8, 1), 20)
    optimizer = keras.optimizers.Adam(1e-3)
    weights = autoencoder.trainable_weights

    @tf.function(jit_compile=True, autograph=False)
    def step(y):
        with tf.GradientTape() as tape:
            h = autoencoder.decode(autoencoder.encode(y, True), True)
            error = tf.square((tf.tanh(h) + 1) / 2 - y)
            loss = tf.reduce_mean(tf.reduce_sum(error, (1, 2, 3)))
        optimizer.apply(tape.gradient(loss, weights), weights)

    optimizer.build(weights)
    batch = batches(y)
    for i in range(STEPS):
        step(batch(i))
    return autoencoder.encode(y).numpy()


def _digits():
    import numpy as np

    from glf.data import make_dataset

    dataset = make_dataset("digits")
    num = dataset.num_examples("train")
    return np.asarray(dataset.examples("train", np.arange(num))["x"], float)


def drawing(flow, name):
    """A function of base noise u: (data, {figure: [batch]}), by the solver of that name."""
    import tensorflow as tf

    from glf.solvers import make_solver, solving

    name, *xla = name.split(", ")
    solver = make_solver(name, jit=bool(xla))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, *flow.event_shape])])
    def draw(u):
        with solving(flow, solver) as solutions:
            z = flow.from_base(u)
        calls = tf.add_n([s.calls for s in solutions])
        certified = tf.reduce_all([s.certified for s in solutions], 0)
        return z, calls, certified

    return draw


def compared(flow, programs, batch, rounds):
    """{solver: figures} of one flow and batch, by {solver: program of `drawing`}."""
    import numpy as np
    import tensorflow as tf

    from glf.solvers import slow_parts

    places = sum(part.network.places.max() for part in slow_parts(flow))
    noise = [
        tf.constant(np.random.default_rng(seed).normal(size=(batch, *flow.event_shape)), "float32")
        for seed in range(rounds)
    ]
    seconds, found = {name: [] for name in programs}, {name: [] for name in programs}
    for program in programs.values():
        program(noise[0])
    for u in noise:
        for name, program in programs.items():
            seconds[name] += in_turn({name: lambda p=program, u=u: p(u)[0].numpy()}, 1)[name]
            found[name].append([t.numpy() for t in program(u)])
    results = {}
    for name in programs:
        z, calls, certified = (list(each) for each in zip(*found[name], strict=True))
        xla = ", XLA" * name.endswith("XLA")
        right = [each[0] for each in found[f"sequential{xla}"]]
        base = seconds[f"cached_sequential{xla}"]
        results[name] = {
            "passes (% of d)": 100.0 * float(np.mean(calls)) / places,
            "ms": 1e3 * median(seconds[name]),
            "times faster than cached": median(
                [a / b for a, b in zip(base, seconds[name], strict=True)]
            ),
            "differing": sum(int(np.sum(a != b)) for a, b in zip(z, right, strict=True)),
            "largest difference": max(
                float(np.max(np.abs(a - b))) for a, b in zip(z, right, strict=True)
            ),
            "uncertified": sum(int(np.sum(~each)) for each in certified),
        }
    return results


def measure(sizes):
    """Every solver on every flow."""
    import keras

    figures = {}
    for subject, bits in (
        (eight_gaussians, None),
        (latents, None),
        (latents, BITS),
        (digits, None),
        (digits, BITS),
    ):
        keras.utils.set_random_seed(0)  # the same start, whatever the network sees
        flow, nats = subject(bits)
        named = subject.__name__.replace("_", " ") + " rounded" * bool(bits)
        figures[f"{named}, nats"] = nats
        programs = {name: drawing(flow, name) for name in (*SOLVERS, *COMPILED)}
        for batch in BATCHES:
            logging.info("%s: trained, measured at batch %d", named, batch)
            rounds = sizes.rounds if batch < 512 else min(sizes.rounds, 3)
            for name, results in compared(flow, programs, batch, rounds).items():
                for figure, value in results.items():
                    figures[f"{named}, batch {batch}, {name}, {figure}"] = value
    return figures
