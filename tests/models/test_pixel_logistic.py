"""The logistic segmenter: its likelihood, its samples, its place in the loop."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.data import DataSpec, make_dataset
from glf.evaluation import model_pictures, pictures
from glf.evaluation.evaluate import evaluate
from glf.export import export_model, read_description
from glf.models.pixel_logistic import LogisticSegmenter
from glf.networks.condition_encoders import LabelEmbedding, Paired
from glf.networks.residual_conditioner import ResidualConditioner
from glf.training.execution import Execution
from glf.training.run_folder import JsonLines, RunFolder
from glf.training.train import train

PARTS = {
    "make_condition_encoder": partial(Paired, size=4, filters=4, layers=2),
    "make_conditioner": partial(ResidualConditioner, filters=4, blocks=1),
}


@pytest.fixture(scope="module")
def dataset():
    return make_dataset("vessels", image_size=(8, 10), num_examples=24, validation_examples=9)


@pytest.fixture(scope="module")
def model(dataset):
    keras.utils.set_random_seed(3)
    model = LogisticSegmenter(dataset.spec, **PARTS)
    generator = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(weight + generator.normal(scale=0.3, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def x(dataset):
    return tf.constant(dataset.examples("train", slice(0, 7))["x"])


@pytest.fixture(scope="module")
def condition(model, dataset):
    return model.condition_of(dataset.examples("train", slice(0, 7)))


def test_the_likelihood_is_that_of_independent_pixels(model, x, condition):
    p = model.probabilities(condition).numpy().astype(float)
    assert p.shape == x.shape
    expected = np.where(x == 1, np.log(p), np.log1p(-p)).sum((1, 2, 3))
    np.testing.assert_allclose(model.log_prob(x, condition), expected, rtol=1e-5)
    terms = model.loss_terms(x, (0, 0), training=True, condition=condition)
    assert list(terms) == ["loss", "nll"]
    np.testing.assert_allclose(terms["nll"], -expected, rtol=1e-5)
    np.testing.assert_array_equal(terms["loss"], terms["nll"])
    assert model.likelihood == "exact"
    others = model.log_prob(x, tf.reverse(condition, [0]))
    assert (np.abs(others - model.log_prob(x, condition)) > 1e-3).sum() >= 6


def test_it_starts_undecided(dataset, x, condition):
    fresh = LogisticSegmenter(dataset.spec, **PARTS)
    np.testing.assert_allclose(fresh.log_prob(x, condition), np.full(7, -80 * np.log(2)), rtol=1e-5)


def test_samples(model, condition):
    masks = model.sample(7, 3, condition=condition)
    assert masks.dtype == tf.uint8
    assert set(np.unique(masks)) <= {0, 1}
    np.testing.assert_array_equal(model.sample(3, 3, condition=condition[:3]), masks[:3])
    assert not np.array_equal(model.sample(7, 4, condition=condition), masks)
    p = model.probabilities(condition[:1]).numpy()[0]
    cold = model.sample(7, 3, temperature=0, condition=condition)
    np.testing.assert_array_equal(cold[0], p > 0.5)
    # More rows than one piece has.
    many = model.sample(2000, 1, condition=tf.repeat(condition[:1], 2000, 0)).numpy().mean(0)
    deviation = np.sqrt(p * (1 - p) / 2000)
    assert (np.abs(many - p) <= 5 * deviation + 1e-6).all()
    assert len(np.unique(model.sample(600, 1, condition=tf.repeat(condition[:1], 600, 0)))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num": 0}, "at least 1, got 0"),
        ({"temperature": -1.0}, "at least 0, got -1"),
        ({"condition": None}, r"needs conditions: images of shape \(8, 10, 3\)"),
    ],
)
def test_wrong_requests(model, condition, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.sample(**{"num": 7, "seed": 1, "condition": condition, **arguments})


def test_wrong_data(dataset):
    with pytest.raises(ValueError, match="masks of 2 levels, got data of 17"):
        LogisticSegmenter(DataSpec((8, 8, 1), 17, 10))
    with pytest.raises(ValueError, match="dataset of pairs"):
        LogisticSegmenter(DataSpec((8, 8, 1), 2, None))
    with pytest.raises(ValueError, match="features of every pixel"):
        LogisticSegmenter(DataSpec((8, 8, 1), 2, 10), make_condition_encoder=LabelEmbedding)


def test_what_it_needs_of_a_batch(model, dataset):
    assert model.reads == ("x", "condition")
    metrics = evaluate(model, dataset, "validation", batch_size=4)
    assert list(metrics) == ["loss", "nll", "bits_per_dim", "parameters", "examples"]
    assert metrics["bits_per_dim"]["value"] == pytest.approx(
        metrics["nll"]["value"] / np.log(2) / 80, rel=1e-6
    )


def test_pictures_show_condition_sample_and_example(model, dataset):
    pixels = model_pictures.samples(model, dataset, 8, seed=(0, 5))
    batch = dataset.examples("validation", [0, 1])
    drawn = model.sample(2, (0, 5), condition=model.condition_of(batch))
    stacks = [batch["condition"], 255 * drawn.numpy(), 255 * batch["x"]]
    stacks = [np.broadcast_to(stack, (2, 8, 10, 3)) for stack in stacks]
    expected = pictures.grid(np.stack(stacks, 1).reshape(6, 8, 10, 3), 256, 3)
    np.testing.assert_array_equal(pixels, expected)


def test_the_export(model, x, condition, tmp_path):
    assert export_model(model, tmp_path / "export") == ["sample", "log_prob"]
    described = read_description(tmp_path / "export")["signatures"]
    assert described["sample"]["takes"]["conditions"].endswith(
        "values 0 to 255; one for each image"
    )
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    found = loaded.log_prob(images=x, conditions=condition)["log_prob"]
    np.testing.assert_array_equal(found, model.log_prob(x, condition))
    found = loaded.sample(
        num=tf.constant(7),
        temperature=tf.constant(1.0),
        seed=tf.constant(3, tf.int64),
        conditions=condition,
    )
    np.testing.assert_array_equal(found["images"], model.sample(7, 3, condition=condition))


@pytest.mark.slow
def test_training_on_pairs(dataset, tmp_path):
    report = train(
        tmp_path / "run",
        make_model=partial(LogisticSegmenter, **PARTS),
        make_dataset=lambda data_dir=None: dataset,
        num_steps=60,
        batch_size=12,
        log_every=20,
        validate_every=60,
        pictures_every=60,
        num_pictures=4,
        best_metric="nll",
        execution=Execution(),
    )
    assert report["finished"]
    losses = [r["nll"] for r in JsonLines(tmp_path / "run" / "logs" / "train.jsonl").read()]
    assert losses[-1] < losses[0] < 80 * np.log(2) * 1.1
    assert RunFolder(tmp_path / "run").read_spec() == dataset.spec
