"""Every autoregressive model of the registry, through every kind of sampler."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.registry import REGISTRY
from glf.samplers import Ancestral, CachedAncestral, Predictive

NUM = 5


def context_of(model):
    encoder = model.condition_encoder
    if encoder is None:
        return None
    generator = np.random.default_rng(3)
    x = generator.integers(0, model.levels, (NUM, *model.data_shape))
    batch = {"image": tf.constant(x, tf.int32), "label": tf.range(NUM) % 3}
    return model.context(encoder.condition_of(batch))


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRY)
def test_all_samplers_agree(name):
    keras.utils.set_random_seed(2)
    model = REGISTRY[name]()
    generator = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=0.2, size=weight.shape))
    noise, context = model.noise(NUM, (1, 2)), context_of(model)
    forecast = model.forecaster is not None
    samplers = {
        "ancestral": Ancestral(),
        "cached": CachedAncestral(jit=False),
        "whole": Predictive(jit=False),
        "window": Predictive(rows=2, batch=2, forecast=forecast, jit=False),
    }

    @tf.function(autograph=False)
    def draw(noise, context):
        return {k: sampler(model, noise, context) for k, sampler in samplers.items()}

    found = draw(noise, context)
    for samples in found.values():
        np.testing.assert_array_equal(samples.x, found["ancestral"].x)
        assert samples.certified.numpy().all()
        assert (samples.calls.numpy() <= model.positions).all()
    # One call a position, with nothing to mend: the kept activations were the right ones.
    assert (found["cached"].calls.numpy() == model.positions).all()
