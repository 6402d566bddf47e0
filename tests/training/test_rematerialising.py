"""Models whose blocks are computed again: the same losses and gradients."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive import AutoregressiveModel, PixelCNNPlusPlus
from glf.bijectors import ActNorm, AffineCoupling, BatchNorm, Chain, TransformerAutoregressive
from glf.core.mode import Training
from glf.core.rematerialise import Rematerialises
from glf.data.dataset import DataSpec
from glf.families import DiscretizedLogisticMixture
from glf.models import Autoregressive, VectorFlow
from glf.networks import CausalTransformer, DenseConditioner, GatedAttentionConditioner
from glf.priors import Flow
from glf.training.rematerialising import rematerialise

IMAGES, POINTS = DataSpec((4, 4, 1), 16, None), DataSpec((4,), None, None)
CONDITIONER = functools.partial(DenseConditioner, hidden=3, batch_norm=False)
STEP = [ActNorm, functools.partial(AffineCoupling, make_conditioner=CONDITIONER)]


def flow(bijectors, repeats=2):
    chain = functools.partial(Chain, bijectors, repeats=repeats)
    return VectorFlow(POINTS, make_flow=functools.partial(Flow, make_bijector=chain))


def transformer():
    network = functools.partial(CausalTransformer, width=4, heads=1, layers=2, zero_init_last=False)
    return flow([functools.partial(TransformerAutoregressive, make_network=network)])


def plus_plus():
    network = functools.partial(
        PixelCNNPlusPlus, filters=2, resnets=1, downsamplings=1, dropout=0.5
    )
    family = functools.partial(DiscretizedLogisticMixture, components=2)
    density = functools.partial(AutoregressiveModel, make_network=network, make_family=family)
    return Autoregressive(IMAGES, make_density=density)


def size_of_step(model, x):
    """The number of operations of the graph of a loss and its gradients, and of what it calls."""
    graph = tf.function(found, autograph=False).get_concrete_function(model, x).graph
    return len(graph.get_operations()) + sum(
        len(f.graph.get_operations()) for f in graph._functions.values()
    )


def found(model, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.loss_terms(x, (1, 2), True)["loss"])
    return loss, tape.gradient(loss, model.trainable_weights)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (functools.partial(flow, STEP), "Chain"),
        (transformer, "CausalTransformer"),
        (plus_plus, "GatedResnet"),
    ],
)
def test_losses_and_gradients_are_the_same(make, kind):
    model, rng = make(), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    x = rng.normal(size=(3, 4)).astype("float32")
    if model.spec.levels:
        x = rng.integers(0, 16, (3, 4, 4, 1)).astype("uint8")
    found(model, x)  # what starts from data
    loss, plain = found(model, x)
    small = size_of_step(model, x)
    rematerialise(model)
    told = [each for each in model._flatten_layers() if isinstance(each, Rematerialises)]
    assert {type(each).__name__ for each in told if each.rematerialise} == {kind}
    assert size_of_step(model, x) > 1.1 * small  # something is computed again
    again, twice = found(model, x)
    assert float(loss) == float(again)
    assert len(plain) == len(twice) > 0
    for a, b in zip(plain, twice, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_blocks_of_a_network_with_dropout_and_a_condition():
    network = GatedAttentionConditioner(2, filters=2, blocks=2, heads=1, dropout=0.3)
    network.build((None, 2, 2, 1), (None, 2, 2, 1))
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    x, condition = tf.constant(rng.normal(size=(2, 2, 2, 2, 1)), tf.float32)
    results = []
    for network.rematerialise in (False, True):
        with tf.GradientTape() as tape:
            tape.watch([x, condition])
            loss = tf.reduce_sum(network(x, condition, training=Training(1)) ** 2)
        results.append([loss, *tape.gradient(loss, [x, condition, *network.trainable_weights])])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_what_cannot_be_computed_again_is_refused(tiny):
    with pytest.raises(ValueError, match=r"no part of this Tiny is made of blocks"):
        rematerialise(tiny(DataSpec((4, 4, 1), 16, None)))
    with pytest.raises(ValueError, match="a Chain of this VectorFlow has batch normalisation"):
        rematerialise(flow([BatchNorm, *STEP]))
