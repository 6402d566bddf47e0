"""Small autoregressive models with random weights, and what ancestral sampling makes of them."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.embedding import OneHot
from glf.autoregressive.forecaster import Forecaster
from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.outputs import Categorical, LogisticMixture
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.networks.conditioning import LabelEmbedding
from glf.samplers import Ancestral

partial = functools.partial


def randomised(model, seed=0, scale=0.4):
    """Adds noise to every weight, so that nothing is zero and conditionals are far from uniform."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=scale, size=weight.shape))
    return model


def small_network(filters):
    return partial(PixelCNN, filters=filters, blocks=2, first_kernel=3, head=filters)


MODELS = {
    "binary": partial(
        AutoregressiveModel,
        (5, 4, 1),
        2,
        make_network=small_network(4),
        make_forecaster=partial(Forecaster, horizon=3, filters=4),
    ),
    "colour": partial(
        AutoregressiveModel,
        (3, 4, 3),
        5,
        make_network=small_network(6),
        make_embedding=OneHot,
        make_forecaster=partial(Forecaster, horizon=4, filters=2),
    ),
    "mixture": partial(
        AutoregressiveModel,
        (4, 3, 2),
        8,
        make_network=small_network(4),
        make_output=partial(LogisticMixture, components=2),
        make_forecaster=partial(Forecaster, horizon=2, filters=4, shared=False),
    ),
    "gated, labels": partial(
        AutoregressiveModel,
        (5, 3, 1),
        4,
        3,
        make_network=partial(GatedPixelCNN, filters=4, layers=2, head=4),
        make_output=Categorical,
        make_condition_encoder=partial(LabelEmbedding, size=4),
        make_forecaster=partial(Forecaster, horizon=1, filters=4),
    ),
}


class Case:
    """A model, its conditions, and the noise and the reference samples of a number of images."""

    def __init__(self, make):
        keras.utils.set_random_seed(5)
        self.model = randomised(make())
        self._references = {}

    def context(self, num):
        if self.model.condition_encoder is None:
            return None
        return self.model.context(tf.range(num) % 3)

    def draw(self, sampler, noise, **arguments):
        context = self.context(noise.shape[0])
        names = list(arguments)

        def draw(noise, context, *values):
            given = dict(zip(names, values, strict=True))
            return sampler(self.model, noise, context, **given)

        return tf.function(draw, autograph=False)(noise, context, *arguments.values())

    def noise(self, num, seed=0):
        return self.model.noise(num, (seed, 1))

    def reference(self, num, seed=0):
        """Ancestral samples: one full pass for each position."""
        if (num, seed) not in self._references:
            self._references[num, seed] = self.draw(Ancestral(), self.noise(num, seed))
        return self._references[num, seed]


@functools.cache
def _case(name):
    return Case(MODELS[name])


@pytest.fixture(params=MODELS)
def case(request):
    return _case(request.param)


@pytest.fixture
def get_case():
    return _case
