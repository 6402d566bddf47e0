"""Every model of the registry: losses, weights, samples, likelihoods and refusals."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from class_names import concrete_names, name_of

from glf.models.base import GenerativeModel, HasDensity, conditions_of
from glf.models.registry import MODELS

BATCH = 5


class Case:
    """A model with random weights and a batch for it."""

    def __init__(self, name):
        self.spec, make = MODELS[name]
        keras.utils.set_random_seed(0)
        self.model = make(self.spec)
        rng = np.random.default_rng(1)
        for weight in self.model.trainable_weights:
            weight.assign_add(0.1 * rng.normal(size=weight.shape))
        shape = (BATCH, *self.spec.image_shape)
        if self.spec.levels is None:
            self.x = tf.constant(rng.normal(size=shape), tf.float32)
        else:
            self.x = tf.constant(rng.integers(0, self.spec.levels, shape), tf.uint8)
        batch = {"image": self.x}
        if self.spec.num_classes:
            batch["label"] = tf.constant(rng.integers(0, self.spec.num_classes, BATCH), tf.int32)
        if self.spec.condition_shape:
            images = rng.integers(0, 256, (BATCH, *self.spec.condition_shape))
            batch["condition"] = tf.constant(images, tf.uint8)
        self.given = conditions_of(self.model, batch)

    def first(self, num):
        return {name: values[:num] for name, values in self.given.items()}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    return Case(request.param)


def test_all_are_here():
    made = {type(make(spec)) for spec, make in MODELS.values()}
    assert set(map(name_of, made)) == concrete_names(GenerativeModel)


def test_every_weight_is_in_one_group(case):
    grouped = [weight for group in case.model.parameter_groups().values() for weight in group]
    assert sorted(map(id, grouped)) == sorted(map(id, case.model.trainable_weights))
    assert grouped


def test_losses_and_their_gradients(case):
    weights = [weight.value for weight in case.model.trainable_weights]

    def run(training):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            terms = case.model.loss_terms(case.x, (0, 7), training, **case.given)
            loss = tf.reduce_mean(terms["loss"])
        return terms, tape.gradient(loss, weights)

    compiled = tf.function(run, autograph=False, jit_compile=True)
    names = {}
    for training in (True, False):
        terms, gradients = run(training)
        names[training] = list(terms)
        for value in terms.values():
            assert value.shape == (BATCH,)
            assert value.dtype == tf.float32
            assert np.all(np.isfinite(value))
        for gradient in gradients:
            assert gradient is not None
            assert np.all(np.isfinite(gradient))
        found = compiled(training)
        for name, value in terms.items():
            np.testing.assert_allclose(found[0][name], value, rtol=2e-4, atol=1e-4)
    assert names[True] == names[False]
    assert np.mean([np.any(gradient != 0) for gradient in gradients]) > 0.9


def test_samples(case):
    drawn = case.model.sample(BATCH, 3, **case.given)
    assert drawn.shape == (BATCH, *case.spec.image_shape)
    if case.spec.levels is None:
        assert drawn.dtype == tf.float32
        assert np.all(np.isfinite(drawn))
    else:
        assert drawn.dtype == tf.uint8
        assert drawn.numpy().max() < case.spec.levels
    np.testing.assert_array_equal(case.model.sample(BATCH, 3, **case.given), drawn)
    assert np.any(case.model.sample(BATCH, 4, **case.given) != drawn)
    first = case.model.sample(2, 3, **case.first(2))
    np.testing.assert_allclose(first, drawn[:2], rtol=1e-5, atol=1e-6)
    cold = [case.model.sample(BATCH, seed, 0.0, **case.given) for seed in (3, 4)]
    np.testing.assert_array_equal(*cold)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        case.model.sample(0, 3)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        case.model.sample(BATCH, 3, -1.0, **case.given)


def test_likelihoods_of_integers(case):
    """Exact ones are the loss's; all are the same in every call and refuse what is no image."""
    model = case.model
    if not isinstance(model, HasDensity):
        return
    found = model.log_prob(case.x, **case.given)
    assert found.shape == (BATCH,)
    assert np.all(found < 0)
    np.testing.assert_array_equal(model.log_prob(case.x, **case.given), found)
    if model.likelihood == "exact":
        terms = model.loss_terms(case.x, (0, 7), False, **case.given)
        np.testing.assert_allclose(-terms["nll"], found, rtol=1e-5)
    wrong = (
        case.x[:, :3],
        tf.cast(case.x, tf.float32),
        tf.cast(case.x, tf.int32) + case.spec.levels,
    )
    for x in wrong:
        with pytest.raises(ValueError, match="judges images of shape"):
            model.log_prob(x, **case.given)
    if case.given:
        with pytest.raises(ValueError, match="needs conditions"):
            model.log_prob(case.x)
    else:
        with pytest.raises(ValueError, match="takes no condition"):
            model.log_prob(case.x, tf.zeros([BATCH], tf.int32))
