"""Super-resolution and segmentation, on models whose answers are known."""

import types

import numpy as np
import pytest
import tensorflow as tf

from glf.data import make_dataset
from glf.data.dataset import DataSpec
from glf.evaluation.base import Subject
from glf.evaluation.conditional_samples import batches_of_samples
from glf.evaluation.evaluate import evaluate
from glf.evaluation.heat_map import heat_map
from glf.evaluation.reconstruction import mean_squared_error, peak_signal_to_noise_ratio
from glf.evaluation.segmentation import Segmentation, agreement, entropy, iou_and_f1
from glf.evaluation.super_resolution import SuperResolution, bicubic
from glf.models.conditions import TakesCondition
from glf.networks.condition_encoders import Downsampled, Paired


class Fake(TakesCondition):
    """A model that answers with a function of (condition, the number of the call)."""

    def __init__(self, spec, encoder, answer):
        self.spec, self.condition_encoder, self.answer = spec, encoder, answer
        self.calls, self.seeds = 0, []

    def sample(self, num, seed, temperature=1.0, condition=None):
        assert condition.shape[0] == num
        self.calls += 1
        self.seeds.append(tuple(np.asarray(seed)))
        return tf.cast(self.answer(condition.numpy(), self.calls), tf.uint8)


@pytest.fixture(scope="module")
def vessels():
    return make_dataset("vessels", image_size=8, channels=1, num_examples=20)


@pytest.fixture(scope="module")
def truth_of(vessels):
    """The masks of the test split by the bytes of their images."""
    stored = vessels.examples("test", slice(None))
    pairs = zip(stored["condition"], stored["x"], strict=True)
    return {image.astype(np.int32).tobytes(): mask for image, mask in pairs}


def masks_of(truth_of, condition):
    return np.stack([truth_of[image.tobytes()] for image in condition])


def segmenter(vessels, answer):
    return Fake(vessels.spec, Paired(vessels.spec, size=1, filters=1, layers=1), answer)


def measured(evaluator, model, dataset, num_samples=8, batch_size=None, **options):
    """(metrics, picture) of an evaluator on the test split."""
    shown = {}
    subject = Subject(model, dataset, "test", batch_size, show=shown.__setitem__)
    made = evaluator(num_samples, **options)
    assert made.refusal(subject) is None
    return made.measure(subject), shown[evaluator.__module__.rpartition(".")[2]]


def values_of(metrics):
    return {name: metric["value"] for name, metric in metrics.items()}


def test_a_perfect_segmenter(vessels, truth_of):
    model = segmenter(vessels, lambda condition, call: masks_of(truth_of, condition))
    metrics, _ = measured(Segmentation, model, vessels, num_samples=2, examples=50, batch_size=16)
    found = values_of(metrics)
    assert {found[f"{m}_{w}"] for m in ("iou", "f1") for w in ("mean", "sample")} == {1.0}
    assert found["auroc_mean"] == 1.0
    assert found["uncertainty"] == found["uncertainty_right"] == 0
    assert "uncertainty_wrong" not in found
    truth = vessels.examples("test", slice(0, 50))["x"]
    assert found["foreground"] == pytest.approx(truth.mean(), rel=1e-12)


def test_a_segmenter_that_sees_vessels_everywhere(vessels):
    model = segmenter(vessels, lambda condition, call: np.ones_like(condition))
    found = values_of(measured(Segmentation, model, vessels, num_samples=3, batch_size=64)[0])
    # As the foreground's meaning says.
    for name in ("iou_mean", "iou_sample"):
        assert found[name] == pytest.approx(found["foreground"], rel=1e-12)
    assert found["f1_mean"] == pytest.approx(2 * found["foreground"] / (1 + found["foreground"]))
    assert found["uncertainty_wrong"] == 0
    assert found["auroc_mean"] == 0.5


def test_a_segmenter_that_is_right_two_times_of_three(vessels, truth_of):
    def answer(condition, call):
        truth = masks_of(truth_of, condition)
        return 1 - truth if call % 3 == 0 else truth

    model = segmenter(vessels, answer)
    metrics, pixels = measured(
        Segmentation, model, vessels, num_samples=3, examples=30, picture_rows=2
    )
    found = values_of(metrics)
    assert found["iou_mean"] == found["f1_mean"] == 1.0
    bits = -(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))
    assert found["uncertainty"] == pytest.approx(bits, rel=1e-12)
    truth = vessels.examples("test", slice(0, 30))["x"]
    # All that is true is found twice, all that is not once, in place of what is.
    positives, negatives = truth.sum(), (1 - truth).sum()
    assert found["iou_sample"] == pytest.approx(
        2 * positives / (3 * positives + negatives), rel=1e-12
    )
    assert pixels.shape == ((2 * 9 + 1) * 8, (6 * 9 + 1) * 8, 3)
    cells = [pixels[8 : 8 * 9, 8 + i * 72 : 64 + i * 72 + 8] for i in range(6)]
    cells = [cell[::8, ::8] for cell in cells]
    example = vessels.examples("test", [0])
    np.testing.assert_array_equal(cells[0][..., :1], example["condition"][0])
    np.testing.assert_array_equal(cells[1][..., :1], 255 * example["x"][0])
    np.testing.assert_array_equal(cells[2], cells[1])
    np.testing.assert_array_equal(cells[3], 255 - cells[1])
    mean = np.where(example["x"][0] == 1, 2 / 3, 1 / 3)
    np.testing.assert_array_equal(cells[4][..., :1], np.rint(255 * mean))
    np.testing.assert_array_equal(cells[5], heat_map(np.full((8, 8), bits), 0, 1))


def test_counts():
    found, truth = np.array([1, 1, 1, 0, 0, 0], bool), np.array([1, 1, 0, 1, 0, 0], bool)
    assert [where.sum() for where in agreement(found, truth)] == [2, 1, 1]
    assert iou_and_f1(2, 1, 1) == (0.5, pytest.approx(2 / 3))
    assert iou_and_f1(0, 0, 0) == (1.0, 1.0)
    assert iou_and_f1(0, 1, 0) == (0.0, 0.0)
    np.testing.assert_allclose(entropy(np.array([0, 0.5, 1, 0.25])), [0, 1, 0, 0.8112781])


@pytest.fixture(scope="module")
def upscaler(digits):
    encoder = Downsampled(digits.spec, factor=2, size=1, filters=1, layers=1)

    def make(answer):
        return Fake(digits.spec, encoder, answer)

    return make


def test_an_upscaler_that_repeats_pixels(digits, upscaler):
    model = upscaler(lambda condition, call: condition.repeat(2, 1).repeat(2, 2))
    metrics, pixels = measured(
        SuperResolution, model, digits, num_samples=3, examples=37, batch_size=16, picture_rows=3
    )
    names = [f"{m}_{what}" for what in ("sample", "mean", "bicubic") for m in ("psnr", "ssim")]
    assert list(metrics) == [*names, "sampled_examples"]
    assert metrics["sampled_examples"]["value"] == 37
    found = values_of(metrics)
    x = digits.examples("test", slice(0, 37))["x"]
    y = x / 16
    small = np.rint(x.reshape(37, 4, 2, 4, 2, 1).mean((2, 4)))
    repeated = small.repeat(2, 1).repeat(2, 2) / 16
    psnr = peak_signal_to_noise_ratio(mean_squared_error(y, repeated)).mean()
    assert found["psnr_sample"] == found["psnr_mean"] == pytest.approx(psnr, rel=1e-6)
    ssim = tf.image.ssim(
        tf.constant(y, tf.float32), tf.constant(repeated, tf.float32), 1.0, filter_size=7
    )
    assert found["ssim_sample"] == pytest.approx(ssim.numpy().mean(), rel=1e-4)
    assert "7 x 7" in metrics["ssim_mean"]["meaning"]
    interpolated = bicubic(small.astype(np.int32), (8, 8), 17)
    assert 0 <= interpolated.min() <= interpolated.max() <= 1
    psnr = peak_signal_to_noise_ratio(mean_squared_error(y, interpolated)).mean()
    assert found["psnr_bicubic"] == pytest.approx(psnr, rel=1e-6)
    # Condition, bicubic, sample, mean, original.
    assert pixels.shape == ((3 * 9 + 1) * 7, (5 * 9 + 1) * 7)
    cells = [pixels[7 : 7 * 9 : 7, 7 + i * 63 : 63 + i * 63 + 7 : 7] for i in range(5)]
    cells = [cell[:, :8].astype(float) for cell in cells]
    for cell, expected in zip(cells, (repeated, interpolated, repeated, repeated, y), strict=True):
        np.testing.assert_allclose(cell, 255 * expected[0, ..., 0], atol=0.51)


def test_the_mean_of_samples_is_better_than_each(digits, upscaler):
    generator = np.random.default_rng(0)

    def answer(condition, call):
        sharp = condition.repeat(2, 1).repeat(2, 2)
        return np.clip(sharp + generator.integers(-3, 4, sharp.shape), 0, 16)

    model = upscaler(answer)
    found = values_of(measured(SuperResolution, model, digits, num_samples=8, examples=20)[0])
    assert found["psnr_mean"] > found["psnr_sample"] + 0.5
    assert len(set(model.seeds)) == 8


def test_every_example_is_drawn_for_once(vessels):
    model = segmenter(vessels, lambda condition, call: condition > 100)
    batches = list(batches_of_samples(model, vessels, "test", 2, examples=11, batch_size=4))
    assert [len(batch["x"]) for batch, _, _ in batches] == [4, 4, 3]
    assert all(drawn.shape[:2] == (2, len(condition)) for _, condition, drawn in batches)
    images = np.concatenate([condition for _, condition, _ in batches])
    np.testing.assert_array_equal(images, vessels.examples("test", slice(0, 11))["condition"])
    for batch, condition, drawn in batches:
        np.testing.assert_array_equal(batch["condition"], condition)
        np.testing.assert_array_equal(drawn[1], condition > 100)
    assert model.calls == 6
    assert len(set(model.seeds)) == 6
    with pytest.raises(ValueError, match="num_samples must be at least 1, got 0"):
        next(batches_of_samples(model, vessels, "test", 0))
    empty = make_dataset("vessels", image_size=8, validation_examples=0)
    with pytest.raises(ValueError, match="No examples of the split 'validation'"):
        next(batches_of_samples(model, empty, "validation", 1))


def test_models_of_another_kind(digits, vessels, upscaler):
    def refused(evaluator, model):
        return evaluator().refusal(Subject(model, None))

    said = refused(Segmentation, upscaler(None))
    assert "this Fake models 17 levels, its condition is image of shape (4, 4, 1)" in said
    assert "of this Fake is paired" in refused(SuperResolution, segmenter(vessels, None))
    plain = types.SimpleNamespace(spec=digits.spec, condition_encoder=None)
    assert "for models conditioned on smaller versions" in refused(SuperResolution, plain)
    enlarged = Downsampled(digits.spec, factor=2, size=1, filters=1, layers=1)
    smaller = DataSpec((2, 8, 1), 17, None)
    assert "of shape (4, 4, 1)" in refused(SuperResolution, Fake(smaller, enlarged, None))


def test_several_samples_are_asked_for_by_options(digits, upscaler):
    model = upscaler(lambda condition, call: condition.repeat(2, 1).repeat(2, 2))
    found = evaluate(
        model, digits, only=["super_resolution"], conditional_samples=2, examples=5, seed=3
    )
    again, _ = measured(SuperResolution, model, digits, 2, examples=5)
    assert found == again
    with pytest.raises(ValueError, match="super_resolution is for models conditioned on smaller"):
        evaluate(Fake(digits.spec, None, None), digits, conditional_samples=2)
    with pytest.raises(ValueError, match="examples must be at least 1, got -3"):
        evaluate(model, digits, only=["super_resolution"], conditional_samples=2, examples=-3)
