"""Models with conditions in the loop: labels and images reach the loss, on every replica."""

import types

import numpy as np
import pytest
import tensorflow as tf

from glf.core import random
from glf.data.dataset import Dataset
from glf.data.make import make_dataset
from glf.data.source import Source, Split, Table
from glf.evaluation.loss_terms import MeanLossTerms
from glf.models.drawn import drawn_integers
from glf.training.run_folder import JsonLines

QUIET = {"validate_every": 0, "pictures_every": 0, "moving_average": None}
MIRRORED = {"strategy": "mirrored", "devices": ["CPU:0", "CPU:1"]}


@pytest.fixture(scope="module")
def conditional(tiny):
    """The tiny model, one of whose terms is the mean of its conditions."""

    class ConditionalTiny(tiny):
        def __init__(self, spec, kind="label", **changes):
            super().__init__(spec, **changes)
            labels = kind == "label"
            reads = types.SimpleNamespace(
                kind=kind,
                reads="label" if labels else "x",
                condition_of=self._of,
                condition_shape=() if labels else spec.shape,
                condition_levels=10 if labels else spec.levels,
            )
            self.condition_encoder = kind and reads

        def _of(self, batch):
            kind = self.condition_kind
            return batch["label"] if kind == "label" else tf.cast(batch["x"], tf.int32) // 2

        def _loss_terms(self, x, seed, training, condition):
            mean = tf.reduce_mean(tf.cast(condition, tf.float32), list(range(1, condition.ndim)))
            terms = super()._loss_terms(x, seed, training, None)
            # As many terms as of the tiny model: in one process, strategies of models that
            # exchange other shapes disturb each other.
            return {"loss": terms["loss"], "error": terms["error"], "condition": mean}

        def _draw(self, num, seed, temperature, condition):
            shape = [num, *self.spec.shape]
            labels = condition.shape.rank == 1
            return drawn_integers(
                tf.broadcast_to(condition[:, None, None, None], shape) if labels else condition
            )

    return ConditionalTiny


def conditions_of_steps(workdir):
    return [r["condition"] for r in JsonLines(workdir / "logs" / "train.jsonl").read()]


@pytest.mark.parametrize("kind", ["label", "image"])
def test_conditions_reach_the_loss(short_run, tmp_path, digits, conditional, kind):
    options = {**QUIET, "num_steps": 3, "log_every": 1}
    short_run(make_model=lambda spec: conditional(spec, kind), **options)
    expected = [
        np.mean(b["label"]) if kind == "label" else np.mean(b["x"].numpy() // 2)
        for b in digits.train_batches(8, 0, num_steps=3)
    ]
    np.testing.assert_allclose(conditions_of_steps(tmp_path / "run"), expected, rtol=1e-6)


@pytest.mark.slow
def test_conditions_of_replicas(short_run, tmp_path, conditional):
    options = {**QUIET, "num_steps": 3, "log_every": 1, "make_model": conditional}
    short_run(tmp_path / "one", **options)
    short_run(tmp_path / "two", execution=MIRRORED, **options)
    one, two = (conditions_of_steps(tmp_path / name) for name in ("one", "two"))
    np.testing.assert_allclose(one, two, rtol=1e-6)


@pytest.mark.slow
def test_a_stopped_run_with_conditions_goes_on_to_the_same_bits(
    short_run, tmp_path, conditional, compare
):
    options = {**QUIET, "make_model": conditional}
    short_run(tmp_path / "at once", **options)
    short_run(num_steps=5, **options)
    short_run(num_steps=12, **options)
    at_once, parts = compare(tmp_path / "at once"), compare(tmp_path / "run")
    assert at_once["newest"] == parts["newest"]


@pytest.mark.parametrize("batch_size", [7, 150])
def test_validation_sees_the_conditions(digits, conditional, batch_size):
    found = MeanLossTerms(conditional(digits.spec), batch_size)
    labels = digits.examples("validation", slice(None))["label"]
    assert found(digits, "validation")["condition"] == pytest.approx(labels.mean(), rel=1e-6)
    each = found.per_example(digits, "validation")
    np.testing.assert_array_equal(each["condition"], labels)
    assert all(values.shape == (150,) for values in each.values())
    means = found(digits, "validation")
    assert {k: v.mean() for k, v in each.items()} == pytest.approx(means, rel=1e-12)


def unlabelled():
    images = np.zeros((9, 8, 8, 1), np.uint8)
    table = Split.whole(Table("all", 9, lambda: (images, None)))
    return Dataset(Source("plain", (8, 8, 1), 17, None, dict.fromkeys(("train", "test"), table)))


def test_data_without_labels(short_run, tmp_path, digits, conditional):
    with pytest.raises(ValueError, match="conditioned on labels, and its data has none"):
        short_run(make_dataset=lambda data_dir=None: unlabelled(), make_model=conditional, **QUIET)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="conditioned on labels, and its data has none"):
        MeanLossTerms(conditional(unlabelled().spec))
    with pytest.raises(ValueError, match="conditioned on labels, and its data has none"):
        MeanLossTerms(conditional(digits.spec))(unlabelled(), "test")
    # Images condition as well without labels.
    run = {"make_dataset": lambda data_dir=None: unlabelled(), "num_steps": 1, **QUIET}
    assert short_run(make_model=lambda spec: conditional(spec, "image"), **run)["finished"]


def test_a_model_that_could_but_does_not(digits, tiny, conditional):
    batch = digits.examples("train", [0, 1])
    for model in (tiny(digits.spec), conditional(digits.spec, None)):
        assert model.condition_of(batch) is None
        assert model.reads == ("x",)
    model = conditional(digits.spec)
    assert model.reads == ("x", "label")
    np.testing.assert_array_equal(model.condition_of(batch), batch["label"])


@pytest.mark.slow
def test_pictures_of_conditional_models(short_run, tmp_path, digits, conditional):
    from PIL import Image

    from glf.evaluation import model_pictures, pictures

    made = []

    def make_model(spec, kind):
        made.append(conditional(spec, kind))
        return made[-1]

    options = {**QUIET, "num_steps": 1, "pictures_every": 1}
    short_run(tmp_path / "label", make_model=lambda spec: make_model(spec, "label"), **options)
    labels = np.arange(4)[:, None, None, None] * np.ones((1, 8, 8, 1), int)
    found = Image.open(tmp_path / "label" / "pictures" / "samples-00000001.png")
    np.testing.assert_array_equal(np.asarray(found), pictures.grid(labels, 17))
    short_run(tmp_path / "image", make_model=lambda spec: make_model(spec, "image"), **options)
    x = digits.examples("validation", [0, 1])["x"]
    expected = pictures.grid(np.stack([x[0], x[0] // 2, x[1], x[1] // 2]), 17, columns=2)
    found = Image.open(tmp_path / "image" / "pictures" / "samples-00000001.png")
    np.testing.assert_array_equal(np.asarray(found), expected)
    # Without validation examples, those of training.
    data = make_dataset("digits", validation_examples=0)
    drawn = model_pictures.samples(made[1], data, 2, random.make_seed(0))
    x = data.examples("train", [0])["x"]
    np.testing.assert_array_equal(drawn, pictures.grid(np.concatenate([x, x // 2]), 17, columns=2))
