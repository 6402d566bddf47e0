"""The early stop changes nothing but the number of calls."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from glf.families import DiscretizedLogisticMixture
from glf.networks.made import MADE
from glf.samplers.accelerate import gumbel_noise, iterate, predictive_argmax, predictive_sample

tfd = tfp.distributions
D, LEVELS, NUM = 12, 5, 7


def weights(*shape, seed=0):
    """Weights [d, d, ...] with which position j sees those before it."""
    mask = np.triu(np.ones((D, D)), 1).reshape(D, D, *[1] * (len(shape) - 2))
    drawn = np.random.default_rng(seed).normal(scale=1.5, size=shape)
    return tf.constant((mask * drawn).astype(np.float32))


FLAT, DEEP = weights(D, D), weights(D, D, LEVELS)


def normal(x):
    return tfd.Independent(tfd.Normal(tf.tanh(tf.einsum("...i,ij->...j", x, FLAT)), 0.5), 1)


def bernoulli(x):
    logits = tf.einsum("...i,ij->...j", tf.cast(x, tf.float32), FLAT)
    return tfd.Independent(tfd.Bernoulli(logits=logits), 1)


def categorical(x):
    logits = tf.einsum("...i,ijk->...jk", tf.cast(x, tf.float32), DEEP)
    return tfd.Independent(tfd.Categorical(logits=logits), 1)


@pytest.fixture(scope="module")
def made():
    """A MADE in a random order, as the logits of bits."""
    network = MADE(1, hidden=(16,), order="random", seed=0)
    network.build((None, D))
    generator = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(generator.normal(size=weight.shape))

    def distribution_fn(x):
        x = tf.cast(x, tf.float32)
        logits = network(tf.reshape(x, [-1, D]))
        return tfd.Independent(tfd.Bernoulli(logits=tf.reshape(logits, tf.shape(x))), 1)

    return distribution_fn


def both(distribution_fn, seed, sample0=None, num=NUM):
    """tfd.Autoregressive's samples, and ours."""
    sample0 = tf.zeros(D) if sample0 is None else sample0
    theirs = tfd.Autoregressive(distribution_fn, sample0, num_steps=D)

    @tf.function(autograph=False)
    def run(seed):
        return theirs.sample(num, seed=seed), predictive_sample(distribution_fn, sample0, num, seed)

    return run(tf.constant(seed))


@pytest.mark.parametrize("distribution_fn", [normal, bernoulli, categorical])
def test_the_samples_of_tfd_autoregressive(distribution_fn):
    for seed in ([0, 1], [2, 3]):
        theirs, ours = both(distribution_fn, seed)
        np.testing.assert_array_equal(ours.x, theirs)
        assert ours.x.dtype == theirs.dtype
        assert ours.certified.numpy().all()
        assert 1 <= ours.calls.numpy().min() <= ours.calls.numpy().max() <= D


def test_with_a_network(made):
    theirs, ours = both(made, [4, 5], num=40)
    np.testing.assert_array_equal(ours.x, theirs)
    assert ours.calls.numpy().mean() < D / 2
    again = predictive_sample(made, tf.zeros(D), 40, [4, 5])
    np.testing.assert_array_equal(again.x, theirs)


def test_batch_dimensions():
    theirs, ours = both(normal, [6, 7], tf.zeros([3, D]))
    assert ours.x.shape == (NUM, 3, D)
    np.testing.assert_array_equal(ours.x, theirs)
    assert ours.calls.shape == (NUM,)


def test_it_stops_early_and_counts_right():
    asked = []

    def counted(x):
        asked.append(x)
        return bernoulli(x)

    found = predictive_sample(counted, tf.zeros(D), 20, [8, 9])
    # Once for the shapes, and once to confirm the last sample.
    assert len(asked) == found.calls.numpy().max() + 2 < D
    for i, calls in enumerate(found.calls.numpy()):
        history = np.array([x[i] for x in asked[1:]])
        final = (history == found.x[i].numpy()).all(1)
        assert final[calls:].all()
        assert not final[:calls].any()


def chain(x):
    """Each position is one more than the one before it: no two are found in one call."""
    return tf.pad(x[:, :-1] + 1, [[0, 0], [1, 0]])


def test_at_most_d_calls():
    found = iterate(chain, tf.zeros([2, 6], tf.int32), 6)
    np.testing.assert_array_equal(found.x, [range(6)] * 2)
    np.testing.assert_array_equal(found.calls, [5, 5])
    assert found.certified.numpy().all()
    worst = iterate(chain, tf.fill([2, 6], 9), 6)
    np.testing.assert_array_equal(worst.calls, [6, 6])
    assert worst.certified.numpy().all()


def test_too_few_steps_are_not_certified():
    found = iterate(chain, tf.fill([2, 6], 9), 5)
    np.testing.assert_array_equal(found.calls, [5, 5])
    assert not found.certified.numpy().any()
    np.testing.assert_array_equal(found.x[0], [0, 1, 2, 3, 4, 14])


def test_new_noise_in_each_call_is_not_certified():
    drawn = iter(range(100))

    def restless(x):
        return gumbel_noise([4, D], next(drawn))

    found = iterate(restless, tf.zeros([4, D]), D)
    assert not found.certified.numpy().any()


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_a_function_to_logits(temperature):
    noise = gumbel_noise([NUM, D, LEVELS], 3)

    def logits_fn(x):
        return tf.einsum("ni,ijk->njk", tf.cast(x, tf.float32), DEEP)

    run = tf.function(
        lambda: predictive_argmax(logits_fn, noise, temperature=temperature), autograph=False
    )
    found = run()
    x = np.zeros([NUM, D], np.int32)
    for i in range(D):
        logits = logits_fn(tf.constant(x)) + temperature * noise
        x[:, i] = np.argmax(logits[:, i], -1)
    np.testing.assert_array_equal(found.x, x)
    assert found.certified.numpy().all()
    assert found.calls.numpy().max() <= D


def test_gumbel_noise_makes_samples():
    """x of one position is categorical: chi-square against its probabilities."""
    logits = tf.constant([1.0, 0.0, -1.0])
    noise = gumbel_noise([20000, 1, 3], 0)
    found = predictive_argmax(lambda x: tf.broadcast_to(logits, [20000, 1, 3]), noise)
    counts = np.bincount(found.x[:, 0], minlength=3)
    expected = 20000 * tf.nn.softmax(logits).numpy()
    assert ((counts - expected) ** 2 / expected).sum() < 13.8  # 99.9 % at 2 degrees


def test_compiled_by_xla():
    noise = gumbel_noise([NUM, D, LEVELS], 3)

    def run():
        return predictive_argmax(
            lambda x: tf.einsum("ni,ijk->njk", tf.cast(x, tf.float32), DEEP), noise
        )

    compiled = tf.function(run, autograph=False, jit_compile=True)()
    np.testing.assert_array_equal(compiled.x, run().x)
    np.testing.assert_array_equal(compiled.calls, run().calls)


def test_the_network_of_tfd_pixel_cnn():
    """With its network in the map and its values quantised there, fixed points in h w calls.

    Its masks are constraints, which only an optimizer applies: before its first step the network
    sees everything, and the certificate says so.
    """
    theirs = tfd.PixelCNN(
        (4, 4, 1),
        num_resnet=1,
        num_hierarchies=1,
        num_filters=8,
        num_logistic_mix=2,
        high=15,
        use_weight_norm=False,
    )
    generator = np.random.default_rng(0)
    for weight in theirs.network.trainable_variables:
        weight.assign(generator.normal(scale=0.5, size=weight.shape))
    output = DiscretizedLogisticMixture(1, 16, components=2)
    noise = output.noise([3, 4, 4], 0)

    def step(x):
        inputs = 2.0 * tf.cast(x, tf.float32) / 15 - 1
        logits, means, scales = theirs.network(inputs, training=False)
        means, log_scales = means[..., 0], tf.math.log(scales[..., 0])
        return output.decide(tf.concat([logits, means, log_scales], -1), noise)

    run = tf.function(lambda: iterate(step, tf.zeros([3, 4, 4, 1], tf.int32), 16), autograph=False)
    assert not run().certified.numpy().all()
    for layer in theirs.network.submodules:
        if getattr(layer, "kernel_constraint", None):
            layer.kernel.assign(layer.kernel_constraint(layer.kernel))
    found = run()
    assert found.certified.numpy().all()
    x = np.zeros((3, 4, 4, 1), np.int32)
    for row in range(4):
        for column in range(4):
            x[:, row, column] = step(tf.constant(x))[:, row, column]
    np.testing.assert_array_equal(found.x, x)


def test_errors():
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        iterate(chain, tf.zeros([2, 6], tf.int32), 0)
    with pytest.raises(ValueError, match=r"float32 \(2, 6\) for int32"):
        iterate(lambda x: tf.cast(x, tf.float32), tf.zeros([2, 6], tf.int32), 6)
    with pytest.raises(ValueError, match="is for predictive_argmax"):
        predictive_sample(lambda x: x, tf.zeros(D), 2, 0)
    with pytest.raises(ValueError, match=r"the shape \[n, d, levels\]"):
        predictive_argmax(lambda x: x, tf.zeros([2, D]))
    with pytest.raises(ValueError, match="shape of the noise"):
        predictive_argmax(lambda x: x, tf.zeros([2, D, LEVELS]))
