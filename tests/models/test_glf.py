"""Generative Latent Flow: its objective, its gradients, its samples."""

import math

import numpy as np
import pytest
import tensorflow as tf

from glf.core import random
from glf.data.dataset import DataSpec


@pytest.fixture(scope="module")
def x(digits):
    return tf.constant(digits.examples("train", slice(0, 12))["x"])


def terms(model, x, training=False):
    return {k: v.numpy() for k, v in model.loss_terms(x, (0, 0), training).items()}


def test_objective(glf, x):
    y = x.numpy() / 16
    z = glf.autoencoder.encode(tf.constant(y, tf.float32))
    error = (1 / (1 + np.exp(-2 * glf.autoencoder.decode(z).numpy())) - y) ** 2
    with tf.GradientTape() as tape:
        tape.watch(z)
        u = glf.flow.to_base(z)
    _, log_det = np.linalg.slogdet(tape.batch_jacobian(u, z).numpy().astype(float))
    nll = 0.5 * (u.numpy() ** 2).sum(1) + 2 * math.log(2 * math.pi) - log_det
    found = terms(glf, x)
    assert all(v.shape == (12,) and v.dtype == np.float32 for v in found.values())
    np.testing.assert_allclose(found["reconstruction"], error.sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(found["latent_nll"], nll, rtol=1e-4)
    np.testing.assert_allclose(found["loss"], error.sum((1, 2, 3)) + nll, rtol=1e-4)
    np.testing.assert_allclose(glf.latent_log_prob(glf.encode(x)), -nll, rtol=1e-4)
    np.testing.assert_allclose(glf.to_base(z), u, rtol=1e-5, atol=1e-6)


def test_beta_weighs_the_reconstruction(make_small_glf, digits, x):
    found = terms(make_small_glf(digits.spec, beta=3.0), x)
    np.testing.assert_allclose(
        found["loss"], 3 * found["reconstruction"] + found["latent_nll"], rtol=1e-6
    )


def gradients(model, x, name):
    weights = model.autoencoder.encoder.trainable_weights
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.loss_terms(x, (0, 0), training=True)[name])
    return tape.gradient(loss, [w.value for w in weights])


def test_the_flow_does_not_pull_on_the_encoder(make_small_glf, digits, x):
    model = make_small_glf(digits.spec)
    assert all(g is None for g in gradients(model, x, "latent_nll"))
    whole = gradients(model, x, "loss")
    part = gradients(model, x, "reconstruction")
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_regularized_flow_does(make_small_glf, digits, x):
    model = make_small_glf(digits.spec, stop_gradient=False)
    found = gradients(model, x, "latent_nll")
    assert all(np.isfinite(g).all() for g in found)
    assert all(np.abs(g).max() > 0 for g in found)


def test_every_weight_has_a_gradient_and_a_group(make_small_glf, digits, x):
    model = make_small_glf(digits.spec)
    groups = model.parameter_groups()
    assert set(groups) == {"autoencoder", "flow"}
    grouped = [id(w) for group in groups.values() for w in group]
    assert sorted(grouped) == sorted(id(w) for w in model.trainable_weights)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.loss_terms(x, (0, 0), training=True)["loss"])
    for gradient in tape.gradient(loss, [w.value for w in model.trainable_weights]):
        assert gradient is not None
        assert np.isfinite(gradient).all()


def test_the_gradients_of_the_flow_are_those_of_its_own_loss(make_small_glf, digits, x):
    model = make_small_glf(digits.spec)
    weights = [w.value for w in model.flow.trainable_weights]
    found = []
    for name in ("loss", "latent_nll"):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model.loss_terms(x, (0, 0), training=True)[name])
        found.append(tape.gradient(loss, weights))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_no_example_depends_on_another(glf, x):
    whole = terms(glf, x)
    for start, stop in ((0, 1), (3, 8)):
        part = terms(glf, x[start:stop])
        for name, values in part.items():
            np.testing.assert_allclose(values, whole[name][start:stop], rtol=1e-5, atol=1e-5)


def test_training_and_test_have_the_same_terms(make_small_glf, digits, x):
    model = make_small_glf(digits.spec)
    in_training = terms(model, x, training=True)
    assert list(in_training) == list(terms(model, x)) == ["loss", "reconstruction", "latent_nll"]
    assert {v.shape for v in in_training.values()} == {(12,)}


@pytest.mark.slow
def test_only_training_moves_the_batch_statistics(make_small_glf, digits, x):
    model = make_small_glf(digits.spec)

    def statistics():
        return np.concatenate([w.numpy().ravel() for w in model.non_trainable_weights])

    before = statistics()
    terms(model, x)
    model.sample(5, 0)
    model.reconstruct(x)
    model.latent_log_prob(model.encode(x))
    np.testing.assert_array_equal(statistics(), before)
    terms(model, x, training=True)
    assert not np.array_equal(statistics(), before)


def test_samples_are_integers_in_the_levels_of_the_data(glf):
    images = glf.sample(300, seed=4)
    assert images.dtype == tf.uint8
    assert images.shape == (300, 8, 8, 1)
    values = images.numpy()
    assert values.max() <= 16
    assert len(np.unique(values)) == 17
    np.testing.assert_array_equal(glf.sample(300, seed=4), values)
    assert not np.array_equal(glf.sample(300, seed=5), values)


def test_samples_are_the_decoded_flow(glf):
    z = glf.flow.sample(20, random.fold(9, 0), 0.7)
    np.testing.assert_array_equal(glf.sample(20, seed=9, temperature=0.7), glf.decode(z))


def test_fewer_samples_are_the_first_of_more(glf):
    many = glf.sample(600, seed=4).numpy()
    for num in (1, 7, 256, 257):
        few = glf.sample(num, seed=4).numpy()
        # The same noise; a matrix product of other rows may round a value to the next level.
        difference = np.abs(few.astype(int) - many[:num])
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3


def test_temperature_scales_the_noise(glf):
    frozen = glf.sample(5, seed=1, temperature=0.0).numpy()
    assert (frozen == frozen[0]).all()
    assert not (glf.sample(5, seed=1, temperature=0.5).numpy() == frozen).all()


@pytest.mark.parametrize("num", [0, -1])
def test_sampling_nothing_is_refused(glf, num):
    with pytest.raises(ValueError, match=f"at least 1, got {num}"):
        glf.sample(num, seed=0)


@pytest.mark.parametrize("temperature", [-0.1, float("nan")])
def test_a_negative_temperature_is_refused(glf, temperature):
    with pytest.raises(ValueError, match="temperature must be finite and at least 0"):
        glf.sample(1, seed=0, temperature=temperature)


@pytest.mark.parametrize("rows", [0, 1, 3, 300])
def test_encode_decode_reconstruct(glf, digits, rows):
    x = digits.examples("train", slice(0, rows))["x"]
    z = glf.encode(tf.constant(x))
    assert z.shape == (rows, 4)
    assert z.dtype == tf.float32
    decoded = glf.decode(z).numpy()
    assert decoded.dtype == np.uint8
    assert decoded.shape == (rows, 8, 8, 1)
    np.testing.assert_array_equal(glf.reconstruct(tf.constant(x)), decoded)
    unit = glf.reconstruct_unit(tf.constant(x)).numpy()
    assert ((unit >= 0) & (unit <= 1)).all()
    np.testing.assert_array_equal(np.rint(unit * 16).astype(np.uint8), decoded)


def test_base_and_back(glf, x):
    z = glf.encode(x)
    np.testing.assert_allclose(glf.from_base(glf.to_base(z)), z, rtol=1e-4, atol=1e-4)


def test_levels_and_the_unit_interval(glf):
    x = np.arange(17, dtype=np.uint8).reshape(1, 17, 1, 1)
    y = glf.to_unit(x)
    assert y.numpy().min() == 0
    assert y.numpy().max() == 1
    np.testing.assert_array_equal(glf.to_levels(y), x)
    np.testing.assert_array_equal(glf.to_levels(tf.constant([-0.2, 0.49, 1.7])), [0, 8, 16])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"latent_size": 0}, "at least 1, got 0"), ({"beta": 0.0}, "positive, got 0.0")],
)
def test_arguments_out_of_range(make_small_glf, wrong, said):
    with pytest.raises(ValueError, match=said):
        make_small_glf(DataSpec((8, 8, 1), 17, None), **wrong)


def test_keras_way_in(glf, x):
    np.testing.assert_array_equal(glf(x)["loss"], terms(glf, x)["loss"])
