"""XLA compiles a training step once, and nothing for a request that was made before."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from compilations import compilations

from glf.bijectors import Chain, ImageCoupling, InvertibleConv1x1
from glf.data.dataset import DataSpec
from glf.models.pixel_flow import PixelFlow
from glf.models.registry import MODELS
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors.flow import Flow
from glf.training.execution import Execution
from glf.training.experiment import Experiment
from glf.training.step import Stepper

ROWS = 2


def _batches(spec):
    x = np.random.default_rng(0).integers(0, spec.levels, (ROWS, *spec.shape))
    return iter(tf.data.Dataset.from_tensors({"x": tf.constant(x, tf.uint8)}).repeat())


def _step_of_flow():
    network = partial(GlowConditioner, filters=4)
    return Chain([InvertibleConv1x1, partial(ImageCoupling, make_conditioner=network)])


@pytest.mark.slow
def test_the_step_of_a_convolutional_flow():
    spec = DataSpec((4, 4, 2), 17, None)
    model = PixelFlow(spec, make_density=partial(Flow, _step_of_flow))
    stepper = Stepper(model, Experiment(lambda spec: model, batch_size=ROWS), Execution())
    batches = _batches(spec)
    runs = [partial(stepper.run, batches, steps) for steps in (1, 3)]
    assert [compilations(run) for run in runs] == [1, 0]


@pytest.mark.slow
def test_requests():
    """Sampling ends with a certificate, a program of XLA's, and the likelihood is one."""
    spec, make = MODELS["autoregressive"]
    model, x = make(spec), next(_batches(spec))["x"]
    requests = {"sample": partial(model.sample, ROWS, 0), "log_prob": partial(model.log_prob, x)}
    for name, request in requests.items():
        first, second = compilations(request), compilations(request)
        assert first > 0, name
        assert second == 0, name
