"""The arithmetic alone of samples of a RealNVP: what no program of XLA for them can be faster than.

Noise, matrix products, and what is computed of each number between them, as one program with the
weights as constants, laid out as XLA does it fastest: features first, so that a bias is one number
to each row and no parameters have to be sorted. No flow can be trained or changed like this.
"""

import functools


def drawing(flow, num):
    """A function of a number of calls: each draws what `flow.sample(num, [0, call])` draws.

    Args:
      flow: a `Flow` of `AffineCoupling`s without batch normalisation, of as many dimensions moved
        as not, under a `StandardNormal`.
      num: how many points.
    """
    import tensorflow as tf

    from glf.core import random
    from glf.core.arctangent import atan
    from glf.core.fused import for_xla_on_cpu

    (size,) = flow.event_shape
    half = size // 2

    @functools.partial(tf.function, jit_compile=True, autograph=False)
    def draw(seed, couplings):
        with for_xla_on_cpu():
            u = tf.transpose(random.normal([num, size], random.fold(seed, "normal")))
            halves = {"first": u[:half], "second": u[half:]}
            for moved, clamp, layers in couplings:
                (seen,) = (h for name, h in halves.items() if name != moved)
                for kernel, bias in layers[:-1]:
                    seen = tf.nn.relu(kernel @ seen + bias)
                kernel, bias = layers[-1]
                raw = kernel @ seen + bias
                log_scale = -clamp * 0.636 * atan(raw[:half])
                halves[moved] = (halves[moved] - raw[half:]) * tf.exp(log_scale)
            return tf.transpose(tf.concat([halves["first"], halves["second"]], 0))

    constants = [
        (each.transform, each.elementwise.clamp, _layers(each))
        for each in reversed(flow.bijector.bijectors)
    ]
    program = tf.function(lambda seed: draw(seed, constants), jit_compile=True, autograph=False)
    traced = program.get_concrete_function(tf.TensorSpec([2], tf.int32))

    def sample(calls):
        for call in range(calls):
            drawn = traced(tf.constant([0, call]))
        drawn.numpy()
        return drawn

    return sample


def _layers(coupling):
    """(kernel transposed, bias as a column) of each layer; of the last scales ahead of shifts."""
    import numpy as np

    (network,) = coupling.parameters.networks
    layers = [(layer.kernel.numpy().T, layer.bias.numpy()[:, None]) for layer in network.stack]
    last = [np.concatenate([each[0::2], each[1::2]]) for each in layers[-1]]
    return [*layers[:-1], tuple(last)]
