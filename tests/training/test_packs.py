"""What is updated in packs gets the same bits as one by one from the same gradients."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import ActNorm, AffineCoupling, Chain
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors import Flow
from glf.training import optimizers, packs
from glf.training.execution import Execution
from glf.training.experiment import Experiment
from glf.training.moving_average import MovingAverage
from glf.training.step import Stepper

SHAPES = ((3,), (5, 7), (), (2, 3, 4), (1, 1), (31,), (64, 3))


def weights_and_gradients(steps):
    generator = np.random.default_rng(0)
    weights = [
        keras.Variable(generator.normal(size=shape).astype("float32"), name=("gain", "bias")[i % 2])
        for i, shape in enumerate(SHAPES)
    ]
    draw = [[generator.normal(size=s).astype("float32") for s in SHAPES] for _ in range(steps)]
    return weights, [[tf.constant(g) for g in gradients] for gradients in draw]


def bits(variables):
    return [v.numpy().tobytes() for v in variables]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "l2": 0.3,
            "l2_names": ("gain",),
            "beta_1": 0.7,
            "beta_2": 0.95,
            "epsilon": 1e-3,
            "make_schedule": partial(optimizers.warmup, steps=3),
        },
    ],
    ids=["plain", "all"],
)
def test_adam(jit, options):
    found, largest = [], 40
    for packed in (False, True):
        weights, gradients = weights_and_gradients(4)
        optimizer = optimizers.adam(0.05, **options)
        optimizer.build(weights)
        count = len(optimizer.variables)
        if packed:
            in_packs = optimizer.pack(largest)
            assert sum(len(p.variables) for p in in_packs) == len(SHAPES) - 1
            assert len(in_packs) == (2 if options else 1)
            assert len(optimizer.variables) == count
            optimizer.load()
        apply = tf.function(optimizer.apply, jit_compile=jit, autograph=False)
        for each in gradients:
            apply(each)
            optimizer.settle()
        optimizer.store()
        found.append((bits(weights), bits(optimizer.variables)))
    assert found[0] == found[1]


def test_a_weight_that_is_set_between_updates_is_taken_as_it_is():
    weights, gradients = weights_and_gradients(1)
    optimizer = optimizers.adam(0.0)
    optimizer.build(weights)
    optimizer.pack(1000)
    optimizer.load()
    weights[0].assign([1.0, 2.0, 3.0])
    optimizer.apply(gradients[0], weights)
    optimizer.settle()
    np.testing.assert_array_equal(weights[0].numpy(), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("jit", [False, True])
def test_moving_average(jit):
    found = []
    for packed in (False, True):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
        )
        average = MovingAverage(model, 0.9)
        trained = packs.Pack([w.value for w in model.trainable_weights[:3]])
        if packed:
            average.pack([trained], 1000)
            average.load()
        update = tf.function(average.update, jit_compile=jit, autograph=False)
        generator = np.random.default_rng(1)
        for step in range(3):
            for weight in model.weights:
                weight.assign(generator.normal(size=weight.shape))
            trained.load()
            update(tf.constant(step))
        average.store()
        found.append(bits(average.averages))
    assert found[0] == found[1]
    assert len(set(found[0])) == 6


def conditioner(**given):
    return DenseConditioner(hidden=4, num_layers=1, **given)


def flow():
    return Flow(partial(Chain, [ActNorm, partial(AffineCoupling, make_conditioner=conditioner)]))


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_whole_steps(make_small_glf, digits, monkeypatch, jit):
    """With batch norms, an actnorm set by the first batch, clipping, averages, and two calls.

    The autoencoder has a joint step, the flow two of its own.
    """
    found = []
    for largest in (0, packs.LARGEST):
        monkeypatch.setattr(packs, "LARGEST", largest)
        model = make_small_glf(digits.spec, make_flow=flow)
        experiment = Experiment(
            lambda spec, model=model: model,
            batch_size=8,
            seed=3,
            optimizers={"autoencoder": optimizers.adam, "flow": partial(optimizers.adam, 0.01)},
            updates_per_step={"flow": 2},
            clip_norm=0.5,
            moving_average=0.9,
            num_steps=4,
        )
        stepper = Stepper(model, experiment, Execution(jit=jit))
        batches = iter(digits.train_batches(8, 3))
        results = [stepper.run(batches, count) for count in (1, 3)]
        slots = [v for o in stepper.optimizers.values() for v in o.variables]
        found.append(
            (
                [{name: values.tobytes() for name, values in each.items()} for each in results],
                *(bits(model.weights), bits(slots), bits(stepper.average.averages)),
            )
        )
    for one_by_one, packed in zip(*found, strict=True):
        assert one_by_one == packed
