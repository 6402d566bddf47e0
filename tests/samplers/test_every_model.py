"""Every autoregressive model of the registry, through every kind of sampler."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.registry import REGISTRY
from glf.samplers import Ancestral, CachedAncestral, Predictive

NUM = 5


def context_of(model):
    if model.context_shape is None:
        return None
    shape = (NUM, *model.context_shape[1:])
    return tf.constant(np.random.default_rng(3).normal(size=shape), tf.float32)


def randomised(name):
    keras.utils.set_random_seed(2)
    model = REGISTRY[name]()
    generator = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=0.2, size=weight.shape))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRY)
def test_all_samplers_agree(name, draw_together):
    model = randomised(name)
    noise, context = model.noise(NUM, (1, 2)), context_of(model)
    forecast = model.forecaster is not None
    samplers = {
        "ancestral": Ancestral(),
        "cached": CachedAncestral(jit=False),
        "whole": Predictive(jit=False),
        "window": Predictive(rows=2, batch=2, forecast=forecast, jit=False),
    }

    found = draw_together(model, samplers, noise, context)
    for samples in found.values():
        np.testing.assert_array_equal(samples.x, found["ancestral"].x)
        assert samples.certified.numpy().all()
        # The kept activations were the right ones: no full pass found anything else.
        assert (samples.mended.numpy() == 0).all()
        assert (samples.mending_passes.numpy() == 0).all()
        assert (samples.calls.numpy() <= model.positions).all()
    assert (found["cached"].calls.numpy() == model.positions).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["diagonal_bilstm", "gated", "pixel_cnn", "plus_plus", "row_lstm", "wavenet"]
)
def test_a_wrong_cache_is_found_out(name, forgetful, draw_together):
    """Each network keeps something that its samplers need: without it they have to be mended."""
    model = randomised(name)
    samplers = {"cached": CachedAncestral(jit=False), "window": Predictive(rows=1, jit=False)}
    found = draw_together(model, samplers, model.noise(40, (1, 2)), None)
    for samples in found.values():
        assert samples.certified.numpy().all()
        assert (samples.mended.numpy() > 0).any()
        assert (samples.calls.numpy() <= model.positions).all()
