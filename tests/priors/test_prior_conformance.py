"""Every prior of the registry: density, samples, modes, gradients and saving are of one piece."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from class_names import concrete_names, name_of
from tensorflow_probability import distributions as tfd

from glf.priors import FittedPrior, Prior
from glf.priors.registry import IMAGES, POINTS

SHAPES = {"points": ((3,), (2,)), "images": ((4, 4, 2), (1, 1, 2))}
BATCH, DRAWS = 5, 20000
# Only in the full run: the slowest to trace, of whose kinds others are simpler.
LARGE = [
    "channel_autoregressive_mixture",
    "channel_autoregressive_whole",
    "multi_scale_mar",
]
KINDS = {**{name: "points" for name in POINTS}, **{name: "images" for name in IMAGES}}


class Case:
    """A prior with random weights, points z, and conditions or None."""

    def __init__(self, name, conditional, dtype="float64"):
        self.make = {**POINTS, **IMAGES}[name]
        self.dtype = dtype
        event, context = SHAPES[KINDS[name]]
        self.event, self.context = event, (None, *context) if conditional else None
        self.prior = self.built()
        rng = np.random.default_rng(1)
        for weight in self.prior.trainable_weights:
            weight.assign_add(0.2 * rng.normal(size=weight.shape))
        self.z = tf.constant(rng.normal(size=(BATCH, *event)), dtype)
        self.condition = tf.constant(rng.normal(size=(BATCH, *context)), dtype)
        if not conditional:
            self.condition = None
        if isinstance(self.prior, FittedPrior):
            points = rng.normal(size=(60, *event)) @ rng.normal(size=(event[0], event[0]))
            self.prior.fit(points + rng.normal(size=event), np.arange(60) % context[0])

    def built(self):
        keras.utils.set_random_seed(0)
        prior = self.make(dtype=self.dtype)
        prior.build((None, *self.event), self.context)
        return prior

    def rows(self, num):
        return None if self.condition is None else self.condition[:num]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((name, given), marks=pytest.mark.slow if name in LARGE else ())
        for name in KINDS
        for given in (False, True)
    ],
    ids=lambda p: p[0] + ("_conditional" if p[1] else ""),
)
def case(request):
    return Case(*request.param)


def test_all_are_here():
    made = {type(make(dtype="float32")) for make in (*POINTS.values(), *IMAGES.values())}
    assert set(map(name_of, made)) == concrete_names(Prior)


def test_log_prob_in_all_its_forms(case):
    found = case.prior.log_prob(case.z, case.condition)
    assert found.shape == (BATCH,)
    assert found.dtype == case.dtype
    np.testing.assert_allclose(case.prior(case.z, case.condition), found, rtol=1e-10)
    distribution = case.prior.distribution(case.condition)
    assert isinstance(distribution, tfd.Distribution)
    np.testing.assert_allclose(distribution.log_prob(case.z), found, rtol=1e-10)
    one_by_one = [case.prior.log_prob(case.z[i : i + 1], row(case, i)) for i in range(BATCH)]
    np.testing.assert_allclose(tf.concat(one_by_one, 0), found, rtol=1e-9)


def row(case, i):
    return None if case.condition is None else case.condition[i : i + 1]


@pytest.mark.slow
def test_samples_are_of_the_density(case):
    """Stein's identities, E[s] = 0 and E[s_i z_i] = -1 of the score s, which no other density has.

    The mean score of z ~ p is 0 for whatever p vanishes far away, and by parts E[s_i z_i] = -1.
    """
    condition = None
    if case.condition is not None:
        condition = tf.repeat(case.condition[:1], DRAWS, 0)

    @tf.function(autograph=False)
    def scores():
        z = case.prior.sample(DRAWS, 11, condition=condition)
        with tf.GradientTape() as tape:
            tape.watch(z)
            log_prob = tf.reduce_sum(case.prior.log_prob(z, condition))
        return tape.gradient(log_prob, z), z

    score, z = (values.numpy().reshape(DRAWS, -1) for values in scores())
    for values, expected in ((score, 0.0), (score * z, -1.0)):
        error = values.std(0) / np.sqrt(DRAWS)
        assert np.all(np.abs(values.mean(0) - expected) < 5 * error)


def test_first_rows_seeds_and_temperature_zero(case):
    whole = case.prior.sample(BATCH, 3, condition=case.condition)
    assert whole.shape == (BATCH, *case.event)
    np.testing.assert_allclose(
        case.prior.sample(2, 3, condition=case.rows(2)), whole[:2], rtol=1e-9, atol=1e-10
    )
    assert np.any(case.prior.sample(BATCH, 4, condition=case.condition) != whole)
    cold = [case.prior.sample(BATCH, seed, 0.0, case.condition) for seed in (3, 4)]
    np.testing.assert_array_equal(*cold)
    hot = case.prior.sample(BATCH, 3, 2.0, case.condition)
    assert np.all(np.isfinite(hot))
    assert np.any(hot != whole)


@pytest.mark.slow
def test_modes_agree_and_every_weight_has_a_gradient(case):
    weights = [weight.value for weight in case.prior.trainable_weights]

    def run():
        with tf.GradientTape() as tape:
            tape.watch(weights)
            log_prob = case.prior.log_prob(case.z, case.condition)
        gradients = tape.gradient(log_prob, weights)
        return log_prob, case.prior.sample(BATCH, 3, condition=case.condition), gradients

    eager = run()
    # Compiled with a condition alone: the same mathematics and more.
    for options in [{}] + ([] if case.condition is None else [{"jit_compile": True}]):
        found = tf.function(run, autograph=False, **options)()
        for value, expected in zip(tf.nest.flatten(found), tf.nest.flatten(eager), strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-7, atol=1e-8)
    for gradient in eager[2]:
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)


def test_saved_and_restored(case, tmp_path):
    path = tf.train.Checkpoint(weights=case.prior.weights).write(str(tmp_path / "weights"))
    other = case.built()
    if case.prior.trainable_weights:
        before = other.log_prob(case.z, case.condition)
        assert np.any(before != case.prior.log_prob(case.z, case.condition))
    tf.train.Checkpoint(weights=other.weights).read(path).assert_consumed()
    for method in (
        lambda prior: prior.log_prob(case.z, case.condition),
        lambda prior: prior.sample(BATCH, 3, condition=case.condition),
    ):
        np.testing.assert_array_equal(method(other), method(case.prior))


def test_reparameterised_samples_follow_the_weights(case):
    """The path's derivative is that of the samples: a step along it moves them as it says."""
    fully = case.prior.reparameterization_type == tfd.FULLY_REPARAMETERIZED
    weights = case.prior.trainable_weights
    if not fully or not weights:
        return
    rng = np.random.default_rng(5)
    direction = [tf.constant(rng.normal(size=w.shape), case.dtype) for w in weights]
    values = [tf.constant(weight.value) for weight in weights]

    def total():
        return tf.reduce_sum(case.prior.sample(BATCH, 3, condition=case.condition) ** 2)

    with tf.GradientTape() as tape:
        tape.watch([weight.value for weight in weights])
        value = total()
    gradients = tape.gradient(
        value, [w.value for w in weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    slope = sum(tf.reduce_sum(g * d) for g, d in zip(gradients, direction, strict=True))
    moved = []
    for step in (1e-6, -1e-6):
        for weight, start, d in zip(weights, values, direction, strict=True):
            weight.assign(start + step * d)
        moved.append(total())
    for weight, start in zip(weights, values, strict=True):
        weight.assign(start)
    np.testing.assert_allclose((moved[0] - moved[1]) / 2e-6, slope, rtol=1e-4)
