"""How networks of each role are made and called by the battery."""

import numpy as np
import tensorflow as tf
from network_battery import BATCH, Case

from glf.data.dataset import DataSpec

SPEC = DataSpec((4, 6, 2), 8, 3, condition_shape=(4, 6, 3), condition_levels=5)
VECTOR, IMAGE, UNITS = (4,), (3, 5, 2), 6


def normal(*shape):
    return tf.constant(np.random.default_rng(1).normal(size=(BATCH, *shape)), tf.float32)


def of_points(constructor, option, shape, result, condition):
    """A case of a conditioner or a masked network, with or without a condition."""

    def make(dtype):
        network = constructor(**option, dtype=dtype or "float32")
        network.build((None, *shape), condition and (None, *condition))
        return network

    def run(network, inputs, training):
        return [network(*inputs, training=training)]

    inputs = [normal(*shape)] + ([] if condition is None else [normal(*condition)])
    return Case(make, run, inputs, [result], ("float32", "float64"))


def conditioner(constructor, condition):
    return of_points(constructor, {"units": UNITS}, VECTOR, (UNITS,), (3,) if condition else None)


def image_conditioner(constructor, condition):
    shape = (*IMAGE[:2], UNITS)
    return of_points(constructor, {"units": UNITS}, IMAGE, shape, (1, 1, 3) if condition else None)


def masked(constructor, condition):
    over_images = constructor.func.__name__ == "MaskedImageNetwork"
    shape, context = (IMAGE, (1, 1, 3)) if over_images else (VECTOR, (3,))
    return of_points(
        constructor, {"parameters": 2}, shape, (*shape, 2), context if condition else None
    )


def tokens(constructor, condition):
    context = (1, 3) if condition else None
    return of_points(constructor, {"units": UNITS}, (5, 2), (5, UNITS), context)


def autoencoder(constructor, _):
    def run(network, inputs, training):
        z = network.encode(inputs[0], training)
        return [z, network.decode(z, training)]

    def make(dtype):
        return constructor(image_shape=(5, 3, 2), dtype=dtype)

    inputs = [tf.sigmoid(normal(5, 3, 2))]
    shapes = [make("float32").code_shape, (5, 3, 2)]
    return Case(make, run, inputs, shapes, ("float32", "mixed"))


def condition_encoder(constructor, _):
    def make(dtype):
        return constructor(spec=SPEC, dtype=dtype)

    encoder = make("float32")
    rng = np.random.default_rng(2)
    shape = (BATCH, *encoder.condition_shape)
    inputs = [tf.constant(rng.integers(0, encoder.condition_levels, shape), tf.int32)]

    def run(network, inputs, training):
        return [network.encode(*inputs)]

    return Case(make, run, inputs, [encoder.context_shape[1:]], ("float32",))


def context(constructor, _):
    def make(dtype):
        network = constructor(dtype=dtype)
        network.build((None, 4, 6, 2))
        assert network.context_shape == (None, 2, 3, 2)
        return network

    def run(network, inputs, training):
        return [network(*inputs)]

    return Case(make, run, [normal(4, 6, 2)], [(2, 3, 2)])


def classifier(constructor, _):
    def make(dtype):
        return constructor(image_shape=(5, 3, 2), classes=3, dtype=dtype)

    def run(network, inputs, training):
        return [network(*inputs, training=training)]

    return Case(make, run, [tf.sigmoid(normal(5, 3, 2))], [(3,)], ("float32",))
