"""Masks of whole images by tiles, on models whose answers are known, against scikit-learn."""

import types

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

from glf.data.whole_pairs import WholePair
from glf.evaluation import whole_mask_pictures
from glf.evaluation.heat_map import heat_map
from glf.evaluation.segmentation import entropy
from glf.evaluation.whole_masks import WholeMasks, draw_masks


class Fake:
    """A model of 4 x 6 masks that answers with a function of (condition, number of the call)."""

    spec = types.SimpleNamespace(shape=(4, 6, 1), levels=2)

    def __init__(self, answer):
        self.answer, self.calls, self.seeds, self.sizes = answer, 0, set(), set()

    def sample(self, num, seed, condition):
        assert condition.shape == (num, 4, 6, 1)
        self.calls += 1
        self.sizes.add(num)
        self.seeds.add(tuple(np.asarray(seed)))
        return self.answer(condition.numpy(), self.calls).astype(np.uint8)


def pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 1), np.uint8)


@pytest.mark.parametrize("shape", [(4, 6), (13, 17), (3, 9)])
@pytest.mark.parametrize("overlap", [0, 2])
def test_what_is_said_of_a_pixel_arrives_at_it(shape, overlap):
    model, image = Fake(lambda condition, call: condition > 99), pixels(shape)
    samples, mean = draw_masks(model, image, 3, overlap=overlap, batch_size=5)
    assert samples.shape == (3, *shape)
    assert samples.dtype == bool
    for found in (*samples, mean):
        np.testing.assert_array_equal(found, image[..., 0] > 99)
    assert len(model.sizes) == 1
    assert len(model.seeds) == model.calls


def test_the_mean_is_that_of_the_samples():
    """Where each sample is the same everywhere, whatever the tile."""
    model = Fake(lambda condition, call: np.full_like(condition, call % 4 == 0))
    samples, mean = draw_masks(model, pixels((9, 14)), 4, overlap=1)
    np.testing.assert_array_equal(mean, np.full((9, 14), 0.25))
    np.testing.assert_array_equal(samples.mean((1, 2)), [0, 0, 0, 1])


def test_images_of_another_scale():
    image = np.kron(pixels((7, 9))[..., 0], np.ones((2, 2), np.uint8))[..., None]
    samples, mean = draw_masks(Fake(lambda c, call: c > 99), image, 2, factor=0.5, overlap=1)
    assert samples.shape == (2, 14, 18)
    assert mean.shape == (14, 18)
    constant, mean = draw_masks(Fake(lambda c, call: c > 99), 0 * image + 200, 1, factor=0.37)
    assert constant.all()
    np.testing.assert_allclose(mean, 1.0)


def test_refusals():
    with pytest.raises(ValueError, match="factor must be positive, got 0"):
        draw_masks(Fake(None), pixels((9, 9)), 1, factor=0)


def observed(seed, shape, field=True, second=True):
    generator = np.random.default_rng(seed)
    first = generator.random(shape) < 0.3
    other = first ^ (generator.random(shape) < 0.1)
    return WholePair(
        name=f"of {seed}",
        image=pixels(shape, seed),
        first=first,
        second=other if second else None,
        field=generator.random(shape) < 0.7 if field else None,
    )


@pytest.fixture(scope="module")
def judged():
    """[(pair, samples, mean)] of two images, and what is measured of them."""
    generator, measured, images = np.random.default_rng(9), WholeMasks(), []
    for seed, shape in ((0, (12, 9)), (1, (7, 20))):
        pair = observed(seed, shape)
        samples = pair.first ^ (generator.random((4, *shape)) < 0.2)
        images.append((pair, samples, samples.mean(0)))
        measured.add(*images[-1])
    return images, {name: metric["value"] for name, metric in measured.metrics().items()}


def together(images, make):
    return np.concatenate([make(*image)[image[0].field] for image in images])


def test_agreement_is_what_scikit_learn_says(judged):
    images, found = judged
    first = together(images, lambda pair, samples, mean: pair.first)
    second = together(images, lambda pair, samples, mean: pair.second)
    mean = together(images, lambda pair, samples, mean: mean)
    samples = [together(images, lambda pair, samples, mean, i=i: samples[i]) for i in range(4)]
    pairs = [(samples[i], samples[j]) for i in range(4) for j in range(i)]
    expected = {
        "mean": (first, mean >= 0.5),
        "sample": (np.tile(first, 4), np.concatenate(samples)),
        "samples": tuple(map(np.concatenate, zip(*pairs, strict=True))),
        "humans": (first, second),
        "second": (second, mean >= 0.5),
    }
    for name, (truth, masks) in expected.items():
        assert found[f"f1_{name}"] == pytest.approx(f1_score(truth, masks), rel=1e-12)
        assert found[f"iou_{name}"] == pytest.approx(jaccard_score(truth, masks), rel=1e-12)
    assert found["auroc_mean"] == pytest.approx(roc_auc_score(first, mean), rel=1e-12)
    area = roc_auc_score(first != second, entropy(mean))
    assert found["auroc_disagreement"] == pytest.approx(area, abs=1e-4)
    assert found["disagreement"] == pytest.approx(np.mean(first != second))
    assert found["foreground"] == pytest.approx(first.mean())
    assert found["uncertainty"] == pytest.approx(entropy(mean).mean())
    assert (found["pixels"], found["images"]) == (len(first), 2)


def test_without_a_second_observer_and_without_a_field():
    measured = WholeMasks()
    pair = observed(0, (5, 6), field=False, second=False)
    measured.add(pair, np.stack([pair.first] * 2), pair.first.astype(float))
    found = measured.metrics()
    assert {"f1_humans", "f1_second", "auroc_disagreement", "disagreement"}.isdisjoint(found)
    perfect = ("iou_mean", "f1_mean", "f1_sample", "f1_samples", "auroc_mean")
    assert {found[name]["value"] for name in perfect} == {1.0}
    assert found["pixels"]["value"] == 30


def test_doubt_that_knows_where_people_disagree():
    measured, pair = WholeMasks(), observed(3, (20, 20), field=False)
    disputed = pair.first != pair.second
    measured.add(pair, np.stack([pair.first, pair.second]), np.where(disputed, 0.5, pair.first))
    assert measured.metrics()["auroc_disagreement"]["value"] == 1.0


def test_a_strip():
    first = np.array([[1, 1, 0, 0], [1, 1, 0, 0]], bool)
    pair = observed(0, (2, 4), field=False)
    field = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], bool)
    second = np.array([[1, 0, 1, 0], [1, 0, 1, 0]], bool)
    pair = WholePair(pair.name, pair.image, first, second, field)
    mean = np.full((2, 4), 0.5)
    strip = whole_mask_pictures.strip(pair, np.ones((3, 2, 4), bool), mean)
    assert strip.shape == (2, 5 * 4 + 4 * 4, 3)
    panels = [strip[:, i * 8 : i * 8 + 4] for i in range(5)]
    np.testing.assert_array_equal(panels[0], np.repeat(pair.image, 3, 2))
    both, only_first, only_second, none = panels[1][0].tolist()
    assert (both, none) == ([255] * 3, [0] * 3)
    assert only_first[0] > only_first[2]
    assert only_second[2] > only_second[0]
    np.testing.assert_array_equal(panels[2], np.repeat(255 * field[..., None], 3, 2))
    np.testing.assert_array_equal(panels[3], np.repeat(128 * field[..., None], 3, 2))
    np.testing.assert_array_equal(panels[4], heat_map(field.astype(float), 0, 1))


def test_large_images_are_shown_smaller():
    shape = (601, 45)
    pair = observed(0, shape, second=False)
    strip = whole_mask_pictures.strip(pair, np.zeros((1, *shape), bool), np.zeros(shape))
    with Image.fromarray(strip) as image:
        assert image.size == (5 * 15 + 4 * 4, 201)
