"""The samples of a RealNVP by a program of XLA that does nothing else.

Noise, matrix products, and what is computed of each number between them, with the weights as
constants and features first, so that a bias is one number to each row and scales and shifts lie
apart. Such a program can be neither trained nor changed: it shows how much a flow's samples could
gain if they were all that it is for.
"""

import numpy as np


def drawing(flow, num):
    """A function of a number of calls: each draws what `flow.sample(num, [0, call])` draws.

    Args:
      flow: a `Flow` of `AffineCoupling`s without batch normalisation, of as many dimensions moved
        as not, under a `StandardNormal`.
      num: how many points.
    """
    import tensorflow as tf

    from glf.bijectors.elementwise import OF_ATAN
    from glf.core import random
    from glf.core.arctangent import atan
    from glf.core.fused import for_xla_on_cpu

    (size,) = flow.event_shape
    half = size // 2
    couplings = [(each, _layers(each)) for each in reversed(flow.bijector.bijectors)]

    def draw(seed):
        with for_xla_on_cpu():
            u = tf.transpose(random.normal([num, size], random.fold(seed, "normal")))
            halves = {"first": u[:half], "second": u[half:]}
            for coupling, layers in couplings:
                moved = coupling.transform
                (seen,) = (h for name, h in halves.items() if name != moved)
                for kernel, bias in layers[:-1]:
                    seen = tf.nn.relu(kernel @ seen + bias)
                kernel, bias = layers[-1]
                raw = kernel @ seen + bias
                log_scale = -coupling.elementwise.clamp * OF_ATAN * atan(raw[:half])
                halves[moved] = (halves[moved] - raw[half:]) * tf.exp(log_scale)
            return tf.transpose(tf.concat([halves["first"], halves["second"]], 0))

    program = tf.function(draw, jit_compile=True, autograph=False)
    traced = program.get_concrete_function(tf.TensorSpec([2], tf.int32))

    def sample(calls):
        for call in range(calls):
            drawn = traced(tf.constant([0, call]))
        drawn.numpy()
        return drawn

    return sample


def _layers(coupling):
    """(kernel transposed, bias as a column) of each layer; of the last scales ahead of shifts."""
    (network,) = coupling.parameters.networks
    layers = [(layer.kernel.numpy().T, layer.bias.numpy()[:, None]) for layer in network.stack]
    last = [np.concatenate([each[0::2], each[1::2]]) for each in layers[-1]]
    return [*layers[:-1], tuple(last)]
