"""Flows after steps that are far too long: whatever the weights, nothing is infinite or undefined.

No family is expected to have learned anything; samplers and densities have to stay finite.
"""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineMap,
    Center,
    Chain,
    DiagonalScaling,
    EmergingConv,
    Flatten,
    ImageCoupling,
    InvertibleConv1x1,
    Logit,
    MixtureLogisticMap,
    PeriodicConv,
    SigmoidAffineMap,
    Squeeze,
)
from glf.core import random
from glf.data.make import make_dataset
from glf.dequantizers import UniformDequantizer, VariationalDequantizer
from glf.families.mixture_of_logistics import MixtureOfLogistics
from glf.models.pixel_flow import PixelFlow
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.gated_attention_conditioner import GatedAttentionConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.image_context import ImageContext
from glf.networks.residual_conditioner import ResidualConditioner
from glf.priors import (
    ChannelAutoregressive,
    ConditionalGaussian,
    Flow,
    MultiScale,
    StandardLogistic,
    StandardNormal,
)
from glf.training.optimizers import adam

pytestmark = pytest.mark.slow
STEPS, RATE = 60, 0.3

LOGIT = partial(Logit, 0.05)
GLOW = partial(GlowConditioner, filters=4)
DENSE = partial(DenseConditioner, hidden=8, num_layers=1, batch_norm=False)
RESIDUAL = partial(ResidualConditioner, filters=4, blocks=1)
GATED = partial(GatedAttentionConditioner, filters=4, blocks=1, heads=2, dropout=0.2)
MIXTURE = partial(MixtureLogisticMap, components=2)


def scales(*layers, part=ConditionalGaussian, preprocessing=LOGIT):
    step = partial(Chain, layers)
    return partial(
        MultiScale, step, 2, make_preprocessing=preprocessing, make_part=part, make_last=part
    )


def coupling(elementwise, network, mask="channel", **options):
    return partial(ImageCoupling, elementwise, mask, make_conditioner=network, **options)


def flat(*layers, base=StandardNormal):
    return partial(Flow, partial(Chain, layers), base)


SIGMOID = coupling(SigmoidAffineMap, GLOW)
FAMILIES = {
    "nice": flat(
        Flatten,
        partial(AdditiveCoupling, "first", DENSE),
        partial(AdditiveCoupling, "second", DENSE),
        DiagonalScaling,
        base=StandardLogistic,
    ),
    "realnvp": flat(
        *(LOGIT, ActNorm, coupling(AffineMap, RESIDUAL, "checkerboard"), Squeeze),
        *(ActNorm, coupling(AffineMap, RESIDUAL, flip=True)),
    ),
    "glow": scales(ActNorm, InvertibleConv1x1, SIGMOID, preprocessing=Center),
    "emerging": scales(ActNorm, partial(InvertibleConv1x1, "qr"), EmergingConv, SIGMOID),
    "periodic": scales(ActNorm, PeriodicConv, SIGMOID),
    "flow_pp": flat(
        *(LOGIT, partial(ActNorm, per_pixel=True), InvertibleConv1x1),
        coupling(MIXTURE, GATED, "packed_checkerboard"),
        *(Squeeze, partial(ActNorm, per_pixel=True), coupling(MIXTURE, GATED)),
    ),
    "mar_scf": scales(
        *(ActNorm, InvertibleConv1x1, coupling(MIXTURE, GLOW)),
        part=partial(
            ChannelAutoregressive,
            hidden=4,
            layers=1,
            make_family=partial(MixtureOfLogistics, components=2),
        ),
    ),
}
LEARNED_NOISE = partial(
    VariationalDequantizer,
    2,
    MIXTURE,
    GATED,
    partial(ImageContext, filters=4, blocks=1),
    features=2,
)


@pytest.fixture(scope="module")
def dataset():
    return make_dataset("digits", crop=4)


def trained(name, dataset):
    keras.utils.set_random_seed(0)
    noise = LEARNED_NOISE if name == "flow_pp" else UniformDequantizer
    model = PixelFlow(dataset.spec, make_density=FAMILIES[name], make_dequantizer=noise)
    optimizer = adam(RATE)
    optimizer.build(model.trainable_weights)

    @tf.function(autograph=False)
    def step(x, i):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.loss_terms(x, random.fold(0, i), True)["loss"])
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        optimizer.apply(gradients, model.trainable_weights)
        return loss

    for i, batch in enumerate(dataset.train_batches(32, 0, num_steps=STEPS)):
        loss = step(batch["x"], tf.constant(i))
    return model, loss


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_is_infinite_after_steps_that_are_too_long(name, dataset):
    model, loss = trained(name, dataset)
    assert np.isfinite(loss)
    for weight in model.weights:
        assert np.all(np.isfinite(weight)), weight.path
    for temperature in (0.0, 1.0, 2.0):
        y = model.density.sample(50, (0, 1), temperature).numpy()
        assert np.all(np.isfinite(y)), temperature
        images = model.sample(50, 1, temperature).numpy()
        assert images.max() < dataset.spec.levels
    images = dataset.examples("test", slice(None))["x"]
    images[0], images[1] = 0, dataset.spec.levels - 1
    assert np.all(np.isfinite(model.log_prob(images)))
