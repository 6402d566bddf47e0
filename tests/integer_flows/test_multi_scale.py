"""Integer flows of several scales: exact ways back, probabilities that sum to 1, samples."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from glf.families import DiscretizedLogisticMixture
from glf.integer_flows import (
    IntegerChain,
    IntegerCoupling,
    IntegerMultiScale,
    IntegerPrior,
    IntegerSqueeze,
    Permuted,
    TriangularIntegerCoupling,
)
from glf.integer_flows.multi_scale import Transformed
from glf.networks import DenseNetConditioner, RezeroConditioner

_rezero = partial(RezeroConditioner, filters=3, blocks=1)
_step = partial(Permuted, partial(IntegerCoupling, 0.5, _rezero))


def plain_result(layers, inputs):
    """What a list of `PlainConv` makes of `inputs` [batch, h, w, n]."""
    tensors = [inputs]
    for layer in layers:
        h = tf.concat([tensors[i] for i in layer.sources], -1)
        h = tf.nn.bias_add(tf.nn.conv2d(h, layer.kernel, 1, "SAME"), layer.bias)
        h = h if layer.added is None else h + tensors[layer.added]
        tensors.append(tf.nn.relu(h) if layer.relu else h)
    return tensors[-1]


def density(shape, levels=1, unit=2, step=_step, repeats=2, **arguments):
    """One with random weights."""
    keras.utils.set_random_seed(0)
    made = IntegerMultiScale(
        levels,
        partial(IntegerChain, [step], repeats),
        partial(IntegerPrior, _rezero),
        partial(IntegerPrior, per_place=True),
        unit=unit,
        **arguments,
    )
    made.build((None, *shape))
    rng = np.random.default_rng(1)
    for weight in made.trainable_weights:
        weight.assign_add(0.4 * rng.normal(size=weight.shape))
    return made


def integers(shape, top, num, seed=0):
    return np.random.default_rng(seed).integers(0, top, (num, *shape)).astype(np.float32)


TRIANGULAR = partial(Permuted, partial(TriangularIntegerCoupling, 0.5, _rezero), back=True)


@pytest.mark.parametrize(
    ("shape", "levels", "sizes"),
    [
        ((4, 4, 1), 2, [8, 8]),
        # A row, a column, half of 3 x 2, whose last row goes out, the rest.
        ((7, 5, 1), 2, [5, 6, 12, 4, 8]),
        ((1, 5, 2), 2, [2, 4, 4]),
        ((3, 3, 1), 1, [3, 2, 4]),
    ],
)
def test_parts_of_any_size_and_back(shape, levels, sizes):
    for step in (_step, TRIANGULAR):
        made = density(shape, levels, step=step)
        x = integers(shape, 9, 20)
        parts = made.parts(x)
        assert [int(np.prod(part.shape[1:])) for part in parts] == sizes
        assert sum(sizes) == np.prod(shape)
        for part in parts:
            np.testing.assert_array_equal(part, np.round(part))
        np.testing.assert_array_equal(made.joined([tf.identity(p) for p in parts]), x)
        again = made.parts(made.joined([p + 1.0 for p in parts]))
        for part, moved in zip(parts, again, strict=True):
            np.testing.assert_array_equal(moved, part + 1.0)


@pytest.fixture(scope="module")
def narrow():
    """A density of three integers, its log-probabilities in a box, and the box."""
    made = density((1, 3, 1))
    box = np.array(list(itertools.product(range(-24, 25), repeat=3)), np.float32)
    return made, box, made.log_prob(box.reshape(-1, 1, 3, 1)).numpy().astype(float)


def test_probabilities_sum_to_one(narrow):
    """Of all integers: what lies outside of the box has next to nothing, seen at its border."""
    _, box, log_prob = narrow
    p = np.exp(log_prob)
    border = np.abs(box).max(1) >= 22
    assert p[border].sum() < 1e-3
    np.testing.assert_allclose(p.sum(), 1, atol=2 * p[border].sum() + 1e-5)
    assert p.max() < 0.9


def test_samples_come_with_their_probabilities(narrow):
    made, box, log_prob = narrow
    x = made.sample(4000, (0, 1)).numpy().reshape(-1, 3)
    np.testing.assert_array_equal(x, np.round(x))
    mean = np.exp(log_prob) @ box
    deviation = np.sqrt(np.exp(log_prob) @ (box - mean) ** 2)
    assert np.all(np.abs(x.mean(0) - mean) < 4 * deviation / np.sqrt(4000))
    entropy = -np.exp(log_prob) @ log_prob
    found = -made.log_prob(x.reshape(-1, 1, 3, 1)).numpy()
    assert abs(found.mean() - entropy) < 4 * found.std() / np.sqrt(4000)


def test_log_probabilities_by_hand():
    """Walking the stages, with networks as plain layers and SciPy's logistic distribution."""
    made = density((5, 4, 1), 2, unit=4)
    x = z = integers((5, 4, 1), 8, 6)
    total = np.zeros(6)

    def add(prior, out, parameters):
        _, mean, log_scale = (
            p.numpy()[..., 0].astype(float) for p in prior.family.split(parameters)
        )
        logistic = scipy.stats.logistic(mean, np.exp(log_scale))
        p = logistic.cdf(np.asarray(out) + 0.5) - logistic.cdf(np.asarray(out) - 0.5)
        return np.log(p).sum((1, 2, 3))

    for stage in made.stages:
        if isinstance(stage, Transformed):
            z = stage.map.inverse(z)
            continue
        z, out = stage.parting.part(z)
        seen = stage.parting.seen(z)
        raw = plain_result(stage.prior.network.plain_layers(), seen / 4)
        parameters = stage.prior.family.at_places(raw)
        np.testing.assert_allclose(parameters, stage.prior.parameters(seen), rtol=1e-4, atol=1e-4)
        total += add(stage.prior, out, parameters)
    total += add(made.last, z, made.last.parameters())
    np.testing.assert_allclose(made.log_prob(x), total, rtol=1e-4, atol=1e-3)


def test_an_odd_edge_is_judged_by_the_lines_beside_it():
    made = density((5, 4, 1))
    parting = made.stages[0].parting
    x = tf.reshape(tf.range(20.0), (1, 5, 4, 1))
    stay, out = parting.part(x)
    np.testing.assert_array_equal(np.ravel(out), [16, 17, 18, 19])
    seen = parting.seen(stay)
    np.testing.assert_array_equal(seen[0, 0], [[12, 8], [13, 9], [14, 10], [15, 11]])
    np.testing.assert_array_equal(parting.join(stay, out), x)


@pytest.mark.parametrize(
    "make",
    [
        partial(RezeroConditioner, filters=3, blocks=2),
        partial(RezeroConditioner, filters=3, blocks=0),
        partial(DenseNetConditioner, growth=2, depth=2),
        partial(DenseNetConditioner, growth=2, depth=1, rezero=True),
    ],
)
def test_plain_layers_are_the_network(make):
    network = make(3)
    network.build((None, 4, 3, 2), (None, 1, 1, 1))
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign_add(0.4 * rng.normal(size=weight.shape))
    h = tf.constant(rng.normal(size=(2, 4, 3, 2)), tf.float32)
    context = tf.fill((2, 1, 1, 1), 0.7)
    inputs = tf.concat([h, tf.fill((2, 4, 3, 1), 0.7)], -1)
    expected = network(h, context)
    assert np.any(np.abs(expected) > 0.01)
    np.testing.assert_allclose(
        plain_result(network.plain_layers(), inputs), expected, rtol=1e-4, atol=1e-5
    )


class Many(IntegerSqueeze):
    """A map that says to have many couplings, and keeps rows of one pixel as they are."""

    roundings = 61
    base_shape = property(lambda self: self.event_shape)

    def build(self, input_shape, condition_shape=None):
        self.event_shape = tuple(input_shape[1:])


def test_refusals():
    for wrong, message in (
        (lambda: density((1, 1, 1)), "cannot be squeezed: take fewer levels"),
        (lambda: density((2, 2, 1), 2), "cannot be squeezed: take fewer levels"),
        (lambda: density((2, 2, 1), step=Many, repeats=2), "At most 120 couplings .*; got 122"),
        (lambda: density((2, 2, 1), 0), "levels is an integer of at least 1, got 0"),
        (
            lambda: IntegerPrior(
                make_family=lambda c, unit, dtype: DiscretizedLogisticMixture(c, 4, dtype=dtype)
            ).build((None, 1, 1, 1)),
            "a family of all integers, a value at a time",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
