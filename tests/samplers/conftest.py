"""Small autoregressive models with random weights, and what ancestral sampling makes of them."""

import contextlib
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.embedding import OneHot
from glf.autoregressive.forecaster import Forecaster
from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.view import PixelView, RowsView, WholeView
from glf.data.dataset import DataSpec
from glf.families import Categorical, DiscretizedLogisticMixture
from glf.samplers import Ancestral, certificate
from glf.samplers import ancestral as ancestral_sampling

partial = functools.partial


def randomised(model, seed=0, scale=0.4):
    """Adds noise to every weight, so that nothing is zero and conditionals are far from uniform."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=scale, size=weight.shape))
    return model


def made_exact(model, seed=1, density=0.8, head=0.25):
    """Gives a model of masked convolutions weights with which no float32 sum rounds, in any order.

    All weights are -1, 0 or 1, in the last layer times a power of two, and so are the data's
    features: every activation is an integer. With the weights' absolute values the network bounds
    all partial sums.
    """
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        values = generator.choice([-1.0, 0.0, 1.0], weight.shape, p=_thirds(density))
        weight.assign(values)
    for weight in model.head.weights:
        weight.assign(weight * head)
    signed = [weight.numpy() for weight in model.weights]
    for weight in model.weights:
        weight.assign(abs(weight))
    brightest = tf.fill([1, *model.image_shape], model.levels - 1)
    view = WholeView(brightest, model.embed)
    assert float(tf.reduce_max(model.parameters(model.features(view, None)))) < head * 2**24
    for weight, value in zip(model.weights, signed, strict=True):
        weight.assign(value)
    return model


def _thirds(density):
    return [density / 2, 1 - density, density / 2]


def small_network(filters):
    return partial(PixelCNN, filters=filters, blocks=2, first_kernel=3, head=filters)


MODELS = {
    "binary": partial(
        AutoregressiveModel,
        DataSpec((5, 4, 1), 2, None),
        make_network=small_network(4),
        make_forecaster=partial(Forecaster, horizon=3, filters=4),
    ),
    "colour": partial(
        AutoregressiveModel,
        DataSpec((3, 4, 3), 5, None),
        make_network=small_network(6),
        make_embedding=OneHot,
        make_forecaster=partial(Forecaster, horizon=4, filters=2),
    ),
    "mixture": partial(
        AutoregressiveModel,
        DataSpec((4, 3, 2), 8, None),
        make_network=small_network(4),
        make_family=partial(DiscretizedLogisticMixture, components=2),
        make_forecaster=partial(Forecaster, horizon=2, filters=4, shared=False),
    ),
    "gated, context": partial(
        AutoregressiveModel,
        DataSpec((5, 3, 1), 4, None),
        (None, 1, 1, 4),
        make_network=partial(GatedPixelCNN, filters=4, layers=2, head=4),
        make_family=Categorical,
        make_forecaster=partial(Forecaster, horizon=1, filters=4),
    ),
}


EXACT = ("binary", "colour")  # no sum rounds in these, so that no sampler may need mending


@pytest.fixture
def forgetful(monkeypatch):
    """Sabotage: every pass begins from nothing, as if all that was kept of the last were zeros."""
    for view in (RowsView, PixelView):
        initialise = view.__init__

        def forget(self, *args, _initialise=initialise, **kwargs):
            _initialise(self, *args, **kwargs)
            self._caches = None

        monkeypatch.setattr(view, "__init__", forget)


ANCESTRAL = Ancestral()


@contextlib.contextmanager
def one_full_pass():
    """Samplers that are traced into one graph share its program of the full pass."""
    make, made = certificate.full_pass, {}

    def full_pass(model, *arguments):
        return made.setdefault(model, make(model, *arguments))

    with pytest.MonkeyPatch.context() as patch:
        for module in (ancestral_sampling, certificate):
            patch.setattr(module, "full_pass", full_pass)
        yield


@pytest.fixture
def draw_together():
    """A function of samplers by name: what each makes of the same noise, traced into one graph."""

    def draw(model, samplers, noise, context):
        def all_of_them(noise, context):
            return {name: sampler(model, noise, context) for name, sampler in samplers.items()}

        with one_full_pass():
            return tf.function(all_of_them, autograph=False)(noise, context)

    return draw


class Case:
    """A model, its contexts, and the noise and the reference samples of a number of images."""

    def __init__(self, make, exact=False):
        keras.utils.set_random_seed(5)
        self.model = (made_exact if exact else randomised)(make())
        self._traced, self._drawn = {}, {}

    def context(self, num):
        if self.model.context_shape is None:
            return None
        classes = tf.random.stateless_normal([3, *self.model.context_shape[1:]], (3, 1))
        return tf.gather(classes, tf.range(num) % 3)

    def draw(self, sampler, noise, **arguments):
        """Samples; what a sampler object compiles for a number of images is kept for the next."""
        return self._together({"": sampler}, noise, **arguments)[""]

    def drawn(self, samplers, num, seed=0, **arguments):
        """{name: samples} of several samplers, of the same noise; kept for the next test."""
        values = [tensor.numpy().tobytes() for tensor in arguments.values()]
        key = (*samplers.items(), num, seed, *arguments, *values)
        if key not in self._drawn:
            self._drawn[key] = self._together(samplers, self.noise(num, seed), **arguments)
        return self._drawn[key]

    def _together(self, samplers, noise, **arguments):
        names = tuple(arguments)

        def draw(noise, context, *values):
            arguments = dict(zip(names, values, strict=True))
            return {
                name: sampler(self.model, noise, context, **arguments)
                for name, sampler in samplers.items()
            }

        key = (*samplers.items(), names)
        traced = self._traced.setdefault(key, tf.function(draw, autograph=False))
        with one_full_pass():
            return traced(noise, self.context(noise.shape[0]), *arguments.values())

    def noise(self, num, seed=0):
        return self.model.noise(num, (seed, 1))

    def reference(self, num, seed=0):
        """Ancestral samples: one full pass for each position."""
        return self.drawn({"": ANCESTRAL}, num, seed)[""]


@functools.cache
def _case(name):
    return Case(MODELS[name], name in EXACT)


@pytest.fixture(
    params=[
        name if name == "binary" else pytest.param(name, marks=pytest.mark.slow) for name in MODELS
    ]
)
def case(request):
    return _case(request.param)


@pytest.fixture
def get_case():
    return _case


@pytest.fixture
def ancestral():
    """The sampler of the references: what it compiled for them serves other noise too."""
    return ANCESTRAL
