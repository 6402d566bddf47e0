from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from glf.core.mode import Training
from glf.families import Categorical, MixtureOfLogistics
from glf.layers.conv_lstm import ConvLSTM
from glf.networks.conv_context import ConvContext
from glf.networks.gated_context import GatedContext
from glf.priors.channel_autoregressive import ChannelAutoregressive

EVENT, BATCH = (2, 3, 4), 5
MIXTURE = partial(MixtureOfLogistics, components=3)
OPTIONS = {
    "gaussian": {"hidden": 4, "layers": 2},
    "mixture": {"hidden": 3, "layers": 3, "make_family": MIXTURE},
}
CONTEXTS = {
    "none": None,
    "same": (None, 1, 1, 2),
    "maps": (None, 2, 3, 2),
    "large": (None, 4, 6, 1),
}


# What the authors' program has besides, in small.
WHOLE = {
    **OPTIONS["gaussian"],
    "dilation": 2,
    "make_context_network": partial(ConvContext, filters=3, size=3),
    "context_features": 2,
    "embed": True,
    "last_size": 3,
}


def built(options, context=None, event=EVENT, dtype="float64", scale=0.5):
    keras.utils.set_random_seed(0)
    prior = ChannelAutoregressive(**options, dtype=dtype)
    prior.build((None, *event), context)
    rng = np.random.default_rng(0)
    for weight in prior.trainable_weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))
    return prior


class Case:
    def __init__(self, options, context):
        self.options, self.context = options, context
        self.prior = built(options, context)
        rng = np.random.default_rng(1)
        self.z = tf.constant(rng.normal(size=(BATCH, *EVENT)))
        shape = None if context is None else (BATCH, *context[1:])
        self.condition = None if shape is None else tf.constant(rng.normal(size=shape))
        self.log_prob = self.prior.log_prob(self.z, self.condition)

    def sample(self, num=BATCH, seed=7, **options):
        condition = None if self.condition is None else self.condition[:num]
        return self.prior.sample(num, seed, condition=condition, **options)


@pytest.fixture(
    scope="module",
    params=[("gaussian", c) for c in CONTEXTS]
    + [(kind, c) for kind in ("mixture", "whole") for c in ("none", "maps")],
    ids="-".join,
)
def case(request):
    kind, context = request.param
    return Case({**OPTIONS, "whole": WHOLE}[kind], CONTEXTS[context])


def test_log_prob_is_that_of_the_steps_of_sampling(case):
    """Step by step with forced values, as sampling goes."""
    prior, total = case.prior, 0.0
    states = [cell.initial_state(BATCH, *EVENT[:2]) for cell in prior.cells]
    previous = tf.zeros((BATCH, *EVENT[:2]), tf.float64)
    from_context = prior._from_context(case.condition)
    for c in range(EVENT[2]):
        raw, states = prior.step(previous, states, from_context)
        previous = case.z[..., c]
        total += tf.reduce_sum(prior.family.log_prob(raw, previous[..., None]), axis=(1, 2))
    np.testing.assert_allclose(case.log_prob, total, rtol=1e-10)


def test_a_channel_depends_on_those_before_it(case):
    """And on all of those, and on the context; by gradients."""
    watched = [case.z] + ([] if case.condition is None else [case.condition])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(watched)
        channels = tf.unstack(case.prior.parameters(case.z, case.condition))
        sums = [tf.reduce_sum(tf.square(raw)) for raw in channels]
    for c, value in enumerate(sums):
        of_z = tape.gradient(value, case.z, unconnected_gradients="zero").numpy()
        assert np.all(of_z[..., c:] == 0)
        assert np.all(np.any(of_z[..., :c] != 0, axis=(1, 2)))
        if case.condition is not None:
            assert np.any(tape.gradient(value, case.condition) != 0)


def test_samples_are_made_of_the_density_parameters(case):
    """A sample put back in gives the parameters it was drawn with."""
    prior, z = case.prior, case.sample()
    noise = z - case.sample(temperature=0.0)
    assert np.all(np.any(noise != 0, axis=(1, 2, 3)))
    if case.options is not OPTIONS["gaussian"]:
        return
    raw = prior.parameters(z, case.condition)
    mean = tf.transpose(raw[..., 0], (1, 2, 3, 0))
    scale = tf.exp(7 * tf.tanh(tf.transpose(raw[..., 1], (1, 2, 3, 0)) / 7))
    # The same noise for other parameters: another temperature.
    cold = case.sample(temperature=0.5)
    raw = prior.parameters(cold, case.condition)
    cold_mean = tf.transpose(raw[..., 0], (1, 2, 3, 0))
    cold_scale = tf.exp(7 * tf.tanh(tf.transpose(raw[..., 1], (1, 2, 3, 0)) / 7))
    np.testing.assert_allclose((z - mean) / scale, 2 * (cold - cold_mean) / cold_scale, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("output", OPTIONS)
def test_integrates_to_one_and_samples_follow(output):
    """Two channels of one pixel, over a grid of the plane."""
    prior = built(OPTIONS[output], (None, 1, 1, 2), (1, 1, 2))
    axis = np.linspace(-50, 50, 500)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 1, 1, 2)
    condition = np.array([[[[0.7, -0.3]]]])
    log_prob = tf.function(prior.log_prob, autograph=False)
    density = np.exp(log_prob(grid, np.tile(condition, (len(grid), 1, 1, 1))))
    density *= (axis[1] - axis[0]) ** 2
    assert abs(np.sum(density) - 1) < 1e-3
    draw = tf.function(prior.sample, autograph=False)
    drawn = draw(20000, 5, 1.0, np.tile(condition, (20000, 1, 1, 1))).numpy().reshape(-1, 2)
    points = grid.reshape(-1, 2)
    for statistic in (
        lambda p: p[:, 0],
        lambda p: p[:, 1],
        lambda p: p[:, 0] ** 2,
        lambda p: np.abs(p[:, 1]),
        lambda p: np.tanh(p[:, 0]) * np.tanh(p[:, 1]),
        lambda p: np.float64(p[:, 0] > 1),
        lambda p: np.float64((p[:, 1] > 1) & (p[:, 0] > 0)),
    ):
        values = statistic(drawn)
        error = 5 * np.std(values) / len(values) ** 0.5 + 3e-3
        assert abs(np.mean(values) - np.sum(density * statistic(points))) < error


@pytest.mark.parametrize("output", OPTIONS)
def test_starts_standard(output):
    prior = ChannelAutoregressive(**OPTIONS[output], dtype="float64")
    prior.build((None, *EVENT))
    raw = prior.parameters(np.random.default_rng(0).normal(size=(BATCH, *EVENT)))
    np.testing.assert_array_equal(raw, np.zeros((4, BATCH, 2, 3, prior.family.parameter_size)))


# Levels of CIFAR-10: 6 channels of 16 x 16, then 12 of 8 x 8; the last one is left, 48 of 4 x 4.
AUTHORS = {
    1: ((16, 16, 6), 6, {"size": 5, "dilation": 2}, 627_814),
    2: ((8, 8, 12), 12, {"size": 5}, 632_614),
    3: ((4, 4, 48), 0, {"size": 3}, 222_850),
}


@pytest.mark.parametrize("level", AUTHORS)
def test_the_authors_prior_has_as_many_weights_here(level):
    """As their program, which holds the biases of its three LSTMs twice: 4 · 32 numbers each."""
    event, features, sizes, expected = AUTHORS[level]
    whole = {"make_context_network": ConvContext, "embed": True, "last_size": 3}
    prior = ChannelAutoregressive(**sizes, **whole)
    prior.build((None, *event), (None, *event[:2], features) if features else None)
    assert prior.count_params() + 3 * 4 * 32 == expected


@pytest.mark.parametrize(
    ("sizes", "reach"),
    [({"size": 5, "dilation": 2, "embed": True, "last_size": 3}, 31), ({}, 7)],
    ids=["authors", "plain"],
)
def test_how_far_a_channel_sees_the_one_before(sizes, reach):
    prior = built({"hidden": 2, **sizes}, event=(33, 33, 2))
    z = tf.constant(np.random.default_rng(0).normal(size=(1, 33, 33, 2)))
    with tf.GradientTape() as tape:
        tape.watch(z)
        middle = tf.reduce_sum(prior.parameters(z)[1, 0, 16, 16])
    seen = np.any(tape.gradient(middle, z) != 0, axis=(0, 3))
    expected = np.zeros((33, 33), bool)
    half = reach // 2
    expected[16 - half : 17 + half, 16 - half : 17 + half] = True
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("channels", [1, 4, 7])
def test_sampling_takes_one_step_for_each_channel(channels, monkeypatch):
    prior = built(OPTIONS["gaussian"], event=(2, 2, channels))
    # As a graph: one loop and no more, which cannot run longer than there are channels.
    graph = tf.function(prior.sample, autograph=False).get_concrete_function(3, 1).graph
    loops = [op for op in graph.get_operations() if "While" in op.type]
    assert len(loops) == 1
    # Eagerly the body of the loop is called once for each step.
    steps, step = [], ConvLSTM.step
    monkeypatch.setattr(ConvLSTM, "step", lambda *args: steps.append(0) or step(*args))
    prior.sample(3, 1)
    assert len(steps) == channels * len(prior.cells)


def test_seeds_modes_and_rows(case):
    eager = case.sample()
    assert np.any(case.sample(seed=8) != eager)
    shape = [tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float64)]

    @tf.function(input_signature=shape, autograph=False)
    def graph(num, temperature):
        condition = None if case.condition is None else case.condition[:num]
        return case.prior.sample(num, 7, temperature, condition)

    for num in (1, 3):
        np.testing.assert_allclose(graph(num, 1.0), eager[:num], atol=1e-9)
    still = graph(BATCH, 0.0)
    np.testing.assert_array_equal(still, graph(BATCH, 0.0))
    np.testing.assert_allclose(still, case.sample(seed=8, temperature=0.0), atol=1e-9)
    assert np.all(np.isfinite(graph(BATCH, 2.0)))


@pytest.mark.slow
def test_xla_and_gradients(case):
    weights = case.prior.trainable_weights

    def run(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            log_prob = case.prior.log_prob(z, case.condition)
        return log_prob, *tape.gradient(log_prob, [z, *(w.value for w in weights)])

    graph = tf.function(run, autograph=False)(case.z)
    for gradient in graph:
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)
    np.testing.assert_allclose(graph[0], case.log_prob, rtol=1e-9)
    if case.context == CONTEXTS["maps"] and case.options is OPTIONS["gaussian"]:
        xla = tf.function(run, jit_compile=True, autograph=False)(case.z)
        for a, b in zip(graph, xla, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)
        sample = tf.function(case.sample, jit_compile=True, autograph=False)
        np.testing.assert_allclose(sample(), case.sample(), atol=1e-8)


@pytest.mark.slow
def test_gradients_are_those_of_differences(case):
    weights, rng = case.prior.trainable_weights, np.random.default_rng(2)
    directions = [rng.normal(size=w.shape) for w in weights]

    @tf.function(autograph=False)
    def ends():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(case.prior.log_prob(case.z, case.condition))
        return loss, tape.gradient(loss, [w.value for w in weights])

    gradients = ends()[1]
    expected = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    losses = []
    for step in (1e-6, -2e-6, 1e-6):
        for weight, direction in zip(weights, directions, strict=True):
            weight.assign_add(step * direction)
        losses.append(ends()[0])
    assert abs((losses[0] - losses[1]) / 2e-6 - expected) < 1e-4 * (1 + abs(expected))


def test_condition_moves_density_and_samples(case):
    if case.condition is None:
        return
    assert np.all(case.prior.log_prob(case.z, case.condition + 1) != case.log_prob)
    assert np.all(case.prior.sample(BATCH, 7, 1.0, case.condition + 1) != case.sample())


def test_the_network_of_the_context_is_told_that_it_trains():
    dropping = partial(GatedContext, blocks=1, dropout=0.5)
    prior = built({**OPTIONS["gaussian"], "make_context_network": dropping}, CONTEXTS["maps"])
    rng = np.random.default_rng(1)
    z, condition = (tf.constant(rng.normal(size=(BATCH, 2, 3, n))) for n in (4, 2))
    plain, *dropped = (prior.log_prob(z, condition, t) for t in (False, Training(1), Training(2)))
    assert np.all(plain != dropped[0])
    assert np.all(dropped[1] != dropped[0])


def test_distribution(case):
    distribution = case.prior.distribution(case.condition)
    assert isinstance(distribution, tfd.Distribution)
    assert distribution.batch_shape == (() if case.condition is None else (BATCH,))
    np.testing.assert_allclose(distribution.log_prob(case.z), case.log_prob)
    assert distribution.sample(2, seed=7).shape == (2, *distribution.batch_shape, *EVENT)


def test_checkpoint(case, tmp_path):
    other = ChannelAutoregressive(**case.options, dtype="float64")
    other.build((None, *EVENT), case.context)
    path = tf.train.Checkpoint(prior=case.prior).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(prior=other).read(path).assert_consumed()
    np.testing.assert_allclose(other.log_prob(case.z, case.condition), case.log_prob)


@pytest.mark.parametrize("output", OPTIONS)
def test_wild_weights_stay_finite(output):
    prior = built(OPTIONS[output], CONTEXTS["maps"], dtype="float32", scale=30.0)
    condition = tf.constant(np.random.default_rng(0).normal(size=(BATCH, 2, 3, 2)), tf.float32)
    for value in (-1e3, 0.0, 1e3):
        assert np.all(np.isfinite(prior.log_prob(tf.fill((BATCH, *EVENT), value), condition)))
    for temperature in (0.0, 1.0, 2.0):
        assert np.all(np.isfinite(prior.sample(BATCH, 1, temperature, condition)))


@pytest.mark.slow
def test_a_mixture_learns_two_modes():
    """Components that start together part: two narrow modes, where one logistic would be broad."""
    keras.utils.set_random_seed(0)
    prior = ChannelAutoregressive(4, 1, make_family=partial(MixtureOfLogistics, components=4))
    prior.build((None, 1, 1, 2))
    rng = np.random.default_rng(0)
    signs = rng.choice([-2.0, 2.0], size=(500, 1, 1, 1))
    z = signs * [1, -1] + 0.1 * rng.normal(size=(500, 1, 1, 2))
    optimizer = keras.optimizers.Adam(0.03)
    optimizer.build(prior.trainable_variables)

    @tf.function(jit_compile=True, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(prior.log_prob(z))
        gradients = tape.gradient(loss, [w.value for w in prior.trainable_weights])
        optimizer.apply(gradients, prior.trainable_variables)
        return loss

    for _ in range(400):
        loss = step()
    # The entropy: log 2 and that of two normals. One broad logistic for z_0 costs 2 nats more.
    entropy = np.log(2) + 2 * 0.5 * np.log(2 * np.pi * np.e * 0.01)
    assert loss < entropy + 0.5


def test_user_errors():
    with pytest.raises(ValueError, match="layers >= 1, got layers=0"):
        ChannelAutoregressive(layers=0)
    with pytest.raises(ValueError, match=r"a family of real numbers, .* got Categorical"):
        ChannelAutoregressive(make_family=partial(Categorical, levels=3))
    for wrong in ({"context_features": 0}, {"last_size": 2}):
        with pytest.raises(ValueError, match="context_features >= 1 and an odd last_size"):
            ChannelAutoregressive(**wrong)
    with pytest.raises(ValueError, match="filters >= 1 and an odd size"):
        ConvContext(4, size=2)
    with pytest.raises(ValueError, match="hidden >= 1"):
        ChannelAutoregressive(hidden=0)
    with pytest.raises(ValueError, match=r"images \[batch, height, width, channels\]"):
        ChannelAutoregressive().build((None, 5))
    with pytest.raises(ValueError, match="was built with condition_shape="):
        built(OPTIONS["gaussian"]).log_prob(np.zeros((1, *EVENT)), np.zeros((1, 1, 1, 2)))
