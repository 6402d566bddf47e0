"""Autoregressive models of images: loss, likelihood, samples, conditions."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.forecaster import Forecaster
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.data.dataset import DataSpec
from glf.models import drawing
from glf.models.autoregressive import Autoregressive
from glf.networks.condition_encoders import LabelEmbedding
from glf.samplers.ancestral import Ancestral
from glf.samplers.base import Samples

NETWORK = partial(PixelCNN, filters=8, blocks=1, head=8, first_kernel=3)
SPEC = DataSpec((4, 3, 1), 5, 3)


def make(spec=SPEC, make_condition_encoder=None, **parts):
    """A small model of random weights."""
    keras.utils.set_random_seed(5)
    model = Autoregressive(
        spec,
        make_density=partial(AutoregressiveModel, make_network=NETWORK, **parts),
        make_condition_encoder=make_condition_encoder,
    )
    generator = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=0.3, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def labelled():
    return make(make_condition_encoder=partial(LabelEmbedding, size=4))


@pytest.fixture(scope="module")
def x():
    return tf.constant(np.random.default_rng(0).integers(0, 5, (7, 4, 3, 1)), tf.uint8)


def test_terms(model, x):
    found = model.loss_terms(x, (0, 0), training=True)
    assert list(found) == ["loss", "nll"]
    np.testing.assert_array_equal(found["loss"], found["nll"])
    by_position = tf.reduce_sum(model.density.conditional_log_probs(x), 1)
    np.testing.assert_allclose(found["nll"], -by_position, rtol=1e-5)
    np.testing.assert_allclose(model.log_prob(x), -found["nll"].numpy(), rtol=1e-5)
    assert model.likelihood == "exact"


def test_terms_and_groups_with_a_forecaster(x):
    model = make(make_forecaster=partial(Forecaster, horizon=2, filters=4))
    found = model.loss_terms(x, (0, 0), training=False)
    assert list(found) == ["loss", "nll", "forecast"]
    np.testing.assert_allclose(found["loss"], found["nll"] + found["forecast"], rtol=1e-6)
    groups = model.parameter_groups()
    assert set(groups) == {"density", "forecaster"}
    grouped = [id(w) for group in groups.values() for w in group]
    assert sorted(grouped) == sorted(id(w) for w in model.trainable_weights)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.loss_terms(x, (0, 0), training=True)["forecast"])
    # The forecaster looks on: nothing of its loss reaches the model.
    assert all(g is None for g in tape.gradient(loss, [w.value for w in groups["density"]]))


def test_the_likelihood_of_many_rows_is_that_of_each(model, x):
    several = tf.repeat(x, 50, 0)
    np.testing.assert_allclose(model.log_prob(several), np.repeat(model.log_prob(x), 50), rtol=1e-5)


def test_samples(model):
    images = model.sample(6, seed=2)
    assert images.dtype == tf.uint8
    assert images.shape == (6, 4, 3, 1)
    assert images.numpy().max() < 5
    np.testing.assert_array_equal(model.sample(6, seed=2), images)
    assert not np.array_equal(model.sample(6, seed=3), images)
    cold = model.sample(4, seed=2, temperature=0.0).numpy()
    assert (cold == cold[0]).all()


def test_every_sampler_draws_the_same(model):
    samples = model.sample_with(Ancestral(), 6, 2)
    assert isinstance(samples, Samples)
    np.testing.assert_array_equal(samples.x, model.sample(6, seed=2))
    assert {len(values) for values in samples} == {6}
    assert samples.final_at.shape == (6, 12)
    assert samples.certified.numpy().all()
    np.testing.assert_array_equal(samples.calls, [12] * 6)


@pytest.mark.slow
def test_pieces(monkeypatch, model, x):
    whole = model.sample(7, seed=2).numpy()
    of_one = 4 * 12 * 5
    assert model.rows == 256
    monkeypatch.setattr(drawing, "NOISE_BYTES", 3 * of_one + 1)
    model = make()
    assert model.rows == 3
    many = model.sample(7, seed=2).numpy()
    np.testing.assert_array_equal(many[:3], whole[:3])  # the first piece's noise
    assert not np.array_equal(many[3:6], whole[3:6])
    assert len(np.unique(many, axis=0)) == 7
    for num in (1, 3, 4):
        np.testing.assert_array_equal(model.sample(num, seed=2), many[:num])
    assert {len(values) for values in model.sample_with(model.sampler, 7, 2)} == {7}
    known = np.broadcast_to(np.arange(4)[:, None, None] < 2, (4, 3, 1))
    completed = model.complete(x, known, seed=0)
    np.testing.assert_array_equal(completed[:, :2], x[:, :2])
    monkeypatch.setattr(drawing, "NOISE_BYTES", 1)
    assert make().rows == 1


@pytest.mark.slow
def test_completion(model, x):
    known = np.arange(4)[:, None, None] < 2
    other = tf.where(known, x, 4 - x)
    completed = model.complete(x, known, seed=3).numpy()
    assert completed.dtype == np.uint8
    np.testing.assert_array_equal(completed[:, :2], x[:, :2])
    np.testing.assert_array_equal(model.complete(other, known, seed=3), completed)
    by_hand = model.sample_with(Ancestral(), 7, 3, known=np.where(known, x.numpy(), np.int32(-1))).x
    np.testing.assert_array_equal(completed, by_hand)
    # Nothing known is plain sampling, all known is the image.
    np.testing.assert_array_equal(
        model.complete(x, np.zeros((4, 3, 1)), seed=3), model.sample(7, 3)
    )
    np.testing.assert_array_equal(model.complete(x, np.ones(x.shape), seed=3), x)
    with pytest.raises(ValueError, match=r"have the shape \(4, 3, 1\)"):
        model.complete(x, np.ones((7, 4, 3, 2)), seed=3)
    with pytest.raises(ValueError, match=r"from 0 to 4, .* got values from 5 to 9"):
        model.complete(x + 5, np.ones(x.shape), seed=3)


def test_labels(labelled, x):
    assert labelled.condition_kind == "label"
    labels = labelled.condition_of({"label": tf.range(7) % 3})
    assert labels.dtype == tf.int32
    terms = labelled.loss_terms(x, (0, 0), False, condition=labels)
    others = labelled.loss_terms(x, (0, 0), False, condition=(labels + 1) % 3)
    assert (np.abs(terms["nll"] - others["nll"]) > 1e-4).all()
    np.testing.assert_allclose(labelled.log_prob(x, labels), -terms["nll"].numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match="needs conditions"):
        labelled.loss_terms(x, (0, 0), False)


def test_labels_of_samples(labelled):
    images = labelled.sample(7, seed=1).numpy()
    np.testing.assert_array_equal(
        labelled.sample(7, seed=1, condition=[0, 1, 2, 0, 1, 2, 0]), images
    )
    one = labelled.sample(7, seed=1, condition=[2] * 7).numpy()
    np.testing.assert_array_equal(one[2::3], images[2::3])
    assert not np.array_equal(one, images)


@pytest.mark.parametrize("condition", [[0, 1], [0, 1, 3], [0, 1, -1], [0.0, 1.0, 2.0]])
def test_wrong_labels(labelled, condition):
    with pytest.raises(ValueError, match="integers from 0 to 2, one for each of 3 samples"):
        labelled.sample(3, seed=1, condition=condition)


def test_conditions_nobody_asked_for(model, x):
    assert model.condition_kind is None
    with pytest.raises(ValueError, match="takes no condition"):
        model.sample(2, seed=1, condition=[0, 1])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"num": 0}, "at least 1, got 0"),
        ({"temperature": -1.0}, "temperature must be finite and at least 0, got -1.0"),
        ({"temperature": float("nan")}, "temperature must be finite and at least 0"),
    ],
)
def test_arguments_out_of_range(model, wrong, said):
    with pytest.raises(ValueError, match=said):
        model.sample(**{"num": 1, "seed": 0, **wrong})


def test_dropout_is_for_training_only(x):
    class Dropping(PixelCNN):
        def pixels(self, view, from_rows, context=None):
            return view.dropout(super().pixels(view, from_rows, context), 0.5)

    model = Autoregressive(
        SPEC,
        make_density=partial(
            AutoregressiveModel, make_network=partial(Dropping, filters=8, blocks=1, head=8)
        ),
    )

    def nll(seed, training):
        return model.loss_terms(x, seed, training)["nll"].numpy()

    np.testing.assert_array_equal(nll((0, 1), False), nll((0, 2), False))
    np.testing.assert_array_equal(nll((0, 1), True), nll((0, 1), True))
    assert not np.array_equal(nll((0, 1), True), nll((0, 2), True))
