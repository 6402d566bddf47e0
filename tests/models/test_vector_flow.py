"""Flows on points: training, densities, samples, export, pictures."""

import json
import types
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from glf.bijectors import ActNorm, BothHalvesCoupling, Chain, LULinear
from glf.data import DataSpec, make_dataset
from glf.evaluation import density_pictures, model_pictures
from glf.evaluation.evaluate import evaluate
from glf.export import export_model, read_description
from glf.models.abilities import HasDensity, HasPointDensity
from glf.models.vector_flow import VectorFlow
from glf.networks.dense_conditioner import DenseConditioner
from glf.priors import Flow
from glf.training.execution import Execution
from glf.training.run_folder import JsonLines, RunFolder
from glf.training.train import train

COUPLING = partial(
    BothHalvesCoupling, make_conditioner=partial(DenseConditioner, hidden=8, batch_norm=False)
)
FLOW = partial(Flow, partial(Chain, [ActNorm, COUPLING, LULinear]))
SPEC = DataSpec((2,), None, None)


def small(make_flow=FLOW):
    keras.utils.set_random_seed(3)
    model = VectorFlow(SPEC, make_flow=make_flow)
    generator = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(weight + generator.normal(scale=0.2, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return small()


@pytest.fixture(scope="module")
def dataset():
    return make_dataset("eight_gaussians", num_examples=50, validation_examples=40)


@pytest.fixture(scope="module")
def x(dataset):
    return tf.constant(dataset.examples("validation", slice(None))["x"])


def test_terms(model, x):
    terms = model.loss_terms(x, (0, 0), training=False)
    assert list(terms) == ["loss", "nll"]
    np.testing.assert_array_equal(terms["loss"], terms["nll"])
    np.testing.assert_allclose(model.log_prob(x), -terms["nll"].numpy(), rtol=1e-5)
    expected = model.flow.distribution().log_prob(x)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-5)
    assert isinstance(model, HasPointDensity)
    assert not isinstance(model, HasDensity)  # no bits per dimension


def test_the_density_integrates_to_one(model):
    middle = (np.arange(300) + 0.5) / 300 * 30 - 15
    grid = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2).astype(np.float32)
    # More rows than one piece has.
    assert np.exp(model.log_prob(grid)).sum() * 0.1**2 == pytest.approx(1, abs=1e-3)


def test_samples(model):
    points = model.sample(7, seed=2)
    assert points.dtype == tf.float32
    assert points.shape == (7, 2)
    np.testing.assert_array_equal(model.sample(3, seed=2), points[:3])
    assert not np.array_equal(model.sample(7, seed=3), points)
    cold = model.sample(4, seed=2, temperature=0.0).numpy()
    assert (cold == cold[0]).all()
    with pytest.raises(ValueError, match="at least 1, got 0"):
        model.sample(0, seed=2)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        model.sample(1, seed=2, temperature=-1)


@pytest.mark.parametrize("spec", [DataSpec((8, 8, 1), 17, 10), DataSpec((2,), 4, None)])
def test_data_that_are_no_points(spec):
    with pytest.raises(ValueError, match="models points of continuous data"):
        VectorFlow(spec)


def test_groups(model):
    (group,) = model.parameter_groups().values()
    assert [id(w) for w in group] == [id(w) for w in model.trainable_weights]
    assert len(group) > 4


class Truth(VectorFlow):
    """The one Gaussian that a standard normal flow already is."""

    def __init__(self, spec):
        super().__init__(spec, make_flow=partial(Flow, partial(Chain, [LULinear])))


class NormalData:
    """A standard normal as a density and a dataset of its own points."""

    name = "normal"
    spec = SPEC
    points = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)

    @property
    def density(self):
        return types.SimpleNamespace(
            log_prob=lambda x: -0.5 * (x.astype(float) ** 2).sum(1) - np.log(2 * np.pi)
        )

    def num_examples(self, split):
        return 1000

    def examples(self, split, rows):
        return {"x": self.points[rows]}

    def eval_batches(self, split, batch_size):
        return tf.data.Dataset.from_tensor_slices({"x": self.points}).batch(batch_size)


def test_the_gap_of_the_truth_is_zero():
    # A linear map that is a rotation keeps the standard normal.
    metrics = evaluate(Truth(SPEC), NormalData())
    assert metrics["gap"]["value"] == pytest.approx(0, abs=1e-5)
    assert metrics["gap_error"]["value"] < 1e-6


def test_evaluation_in_nats_above_the_floor(model, dataset):
    metrics = evaluate(model, dataset, "validation", batch_size=16)
    round_trip = ["round_trip_largest", "round_trip_mean", "layer_round_trip"]
    count = ("parameters", "examples")
    assert list(metrics) == ["loss", "nll", "floor", "gap", "gap_error", *round_trip, *count]
    points = dataset.examples("validation", slice(None))["x"]
    truth, own = dataset.density.log_prob(points), model.log_prob(points).numpy()
    assert metrics["floor"]["value"] == pytest.approx(-truth.mean(), rel=1e-6)
    assert metrics["gap"]["value"] == pytest.approx((truth - own).mean(), rel=1e-4)
    error = (truth - own).std() / np.sqrt(40)
    assert metrics["gap_error"]["value"] == pytest.approx(error, rel=1e-4)
    assert {m["unit"] for m in metrics.values()} == {"nats", ""}


def test_the_export(model, x, tmp_path):
    assert export_model(model, tmp_path / "export", step=4) == ["sample", "log_prob"]
    description = read_description(tmp_path / "export")
    assert description["image_shape"] == [2]
    assert description["levels"] is None
    assert description["signatures"]["log_prob"]["takes"] == {"points": "float32 [batch, 2]"}
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    found = loaded.sample(
        num=tf.constant(5), temperature=tf.constant(0.7), seed=tf.constant(9, tf.int64)
    )
    np.testing.assert_array_equal(found["points"], model.sample(5, 9, 0.7))
    found = loaded.signatures["log_prob"](points=x)
    np.testing.assert_array_equal(found["log_prob"], model.log_prob(x))


def test_a_picture(model, dataset):
    pixels = density_pictures.picture(
        model,
        model.sample(500, 1),
        dataset.density.draw(np.random.default_rng(0).integers(0, 2**32, (500, 3), np.uint32)),
        side=40,
    )
    assert pixels.shape == (40, 124, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[:, 40:42] == 255).all()
    with pytest.raises(ValueError, match="points in the plane"):
        density_pictures.picture(model, np.zeros((3, 3)), np.zeros((3, 3)))
    np.testing.assert_array_equal(
        model_pictures.samples(model, dataset, 4, seed=1),
        density_pictures.beside_data(model, dataset, model.sample(density_pictures.POINTS, 1)),
    )


def test_a_picture_has_its_axes_as_a_plot_does():
    class Corner:
        """All mass where the first number is large and the second small."""

        def log_prob(self, points):
            inside = (points[:, 0] > 0.5) & (points[:, 1] < -0.5)
            return tf.where(inside, 0.0, -50.0)

    corner = np.tile([[0.9, -0.9]], (90, 1))
    data = np.concatenate([np.tile([[-1.0, 1.0]], (1, 1)), [[1.0, -1.0]], corner])
    pixels = density_pictures.picture(Corner(), corner, data, side=40).astype(int).sum(-1)
    for panel in (pixels[:, :40], pixels[:, 42:82], pixels[:, 84:]):
        quarters = [panel[:20, :20], panel[:20, 20:], panel[20:, :20], panel[20:, 20:]]
        assert np.argmax([q.sum() for q in quarters]) == 3  # right, below


@pytest.mark.slow
def test_training(tmp_path, dataset):
    report = train(
        tmp_path / "run",
        make_model=partial(VectorFlow, make_flow=FLOW),
        make_dataset=lambda data_dir=None: dataset,
        num_steps=40,
        batch_size=64,
        log_every=20,
        checkpoint_every=20,
        validate_every=20,
        pictures_every=40,
        best_metric="nll",
        execution=Execution(),
    )
    assert report["finished"]
    losses = [r["nll"] for r in JsonLines(tmp_path / "run" / "logs" / "train.jsonl").read()]
    validated = [r["nll"] for r in JsonLines(tmp_path / "run" / "logs" / "validation.jsonl").read()]
    assert losses[-1] < losses[0]
    assert validated[-1] < validated[0]
    with Image.open(tmp_path / "run" / "pictures" / "samples-00000040.png") as image:
        assert image.size == (724, 240)
    assert RunFolder(tmp_path / "run").read_spec() == SPEC
    assert json.loads((tmp_path / "run" / "data.json").read_text())["levels"] is None
