"""The Frechet distance: closed forms, another way to the root of a matrix, and how it moves."""

import numpy as np
import pytest
import scipy.linalg

from glf.evaluation.evaluate import evaluate
from glf.evaluation.features import order
from glf.evaluation.frechet import Moments, frechet_distance


def gaussian(generator, size, rank=None):
    """A mean and a covariance of some rank."""
    root = generator.normal(size=(size, rank or size))
    return generator.normal(size=size), root @ root.T


def of_vectors(a, b):
    a, b = Moments.of(a), Moments.of(b)
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def test_gaussians_whose_distance_is_known():
    """With diagonal covariances it is |m1 - m2|^2 + sum (s1 - s2)^2 of the deviations."""
    generator = np.random.default_rng(0)
    mean1, mean2, s1, s2 = generator.uniform(0.5, 2.0, (4, 7))
    known = np.sum((mean1 - mean2) ** 2) + np.sum((s1 - s2) ** 2)
    turn = np.linalg.qr(generator.normal(size=(7, 7)))[0]
    cov1, cov2 = turn @ np.diag(s1**2) @ turn.T, turn @ np.diag(s2**2) @ turn.T
    found = frechet_distance(turn @ mean1, cov1, turn @ mean2, cov2)
    assert found == pytest.approx(known, rel=1e-12)
    assert frechet_distance([1.0], [[4.0]], [3.0], [[9.0]]) == pytest.approx(5.0)


def test_the_root_of_scipy():
    generator = np.random.default_rng(1)
    (mean1, cov1), (mean2, cov2) = gaussian(generator, 12), gaussian(generator, 12)
    root = np.trace(scipy.linalg.sqrtm(cov1 @ cov2).real)
    known = np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2) - 2 * root
    assert frechet_distance(mean1, cov1, mean2, cov2) == pytest.approx(known, rel=1e-9)


def test_figures_of_others():
    """Those of pytorch-fid 0.3.0 and of torch-fidelity 0.4.0 on the same vectors.

    `calculate_frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))` of the one and
    `fid_statistics_to_metric` of the other gave the same two numbers, of a and of a[:10], whose
    covariance is singular and of which they keep fewer places.
    """
    generator = np.random.default_rng(0)
    a = generator.normal(size=(300, 16)) @ generator.normal(size=(16, 16))
    b = 1.3 * generator.normal(size=(200, 16)) + 0.2
    assert of_vectors(a, b) == pytest.approx(136.57976078570448, rel=1e-12)
    assert of_vectors(a[:10], b) == pytest.approx(185.21141816109127, rel=1e-8)


def test_singular_covariances():
    """Of rank 3 and 5 in 12 dimensions, against the eigenvalues of the small matrices."""
    generator = np.random.default_rng(2)
    (mean1, cov1), (mean2, cov2) = gaussian(generator, 12, 3), gaussian(generator, 12, 5)
    roots = np.sqrt(np.sort(np.linalg.eigvals(cov1 @ cov2).real)[-3:])
    known = np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2) - 2 * roots.sum()
    assert frechet_distance(mean1, cov1, mean2, cov2) == pytest.approx(known, rel=1e-9)
    assert frechet_distance(mean1, 0 * cov1, mean1, cov2) == pytest.approx(np.trace(cov2))
    assert abs(frechet_distance(mean1, cov1, mean1, cov1)) < 1e-12 * np.trace(cov1)


def test_moments_are_those_of_all_vectors_at_once():
    vectors = np.random.default_rng(3).normal(1e4, 1.0, (101, 5)).astype(np.float32)
    moments = Moments.of(vectors, rows=7)
    wide = vectors.astype(np.float64)
    np.testing.assert_allclose(moments.mean, wide.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(wide.T), rtol=1e-9)
    assert moments.count == 101


def test_how_it_moves():
    generator = np.random.default_rng(4)
    real, other = generator.normal(size=(2, 4000, 10))
    assert abs(of_vectors(real, real)) < 1e-10
    floor = of_vectors(real, other)
    noisy = [of_vectors(real, other + s * generator.normal(size=other.shape)) for s in (0.3, 0.6)]
    assert floor < noisy[0] < noisy[1]
    # Fewer samples raise it, and one mode of two is far from both.
    assert floor < of_vectors(real, other[:400]) < of_vectors(real, other[:50])
    both = np.concatenate([real - 2.0, real + 2.0])
    again = np.concatenate([other - 2.0, other + 2.0])
    assert of_vectors(both, other - 2.0) > 20 * of_vectors(both, again)


@pytest.mark.parametrize(
    ("cov", "message"),
    [
        ([[1.0, 0.0], [0.0, -0.1]], "no negative eigenvalues, got -0.1"),
        ([[1.0, 0.5], [0.0, 1.0]], "is symmetric"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite numbers"),
        ([[1.0]], "two covariances"),
    ],
)
def test_what_is_no_covariance(cov, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(np.zeros(2), cov, np.zeros(2), np.eye(2))


def test_eigenvalues_at_the_level_of_rounding_are_none():
    cov = np.diag([1.0, -1e-12])
    assert frechet_distance(np.zeros(2), cov, np.zeros(2), np.eye(2)) == pytest.approx(1.0)


@pytest.mark.parametrize("vectors", [np.zeros((0, 3)), np.zeros(3), np.full((4, 2), np.inf)])
def test_what_has_no_moments(vectors):
    with pytest.raises(ValueError, match="Moments are of"):
        Moments.of(vectors)
    with pytest.raises(ValueError, match="at least two"):
        _ = Moments.of(np.ones((1, 3))).covariance


def test_a_model_is_measured(glf, digits):
    options = {"feature_samples": 200, "feature_extractor": ("pixels",)}
    found = evaluate(glf, digits, only=["fid"], **options)
    assert list(found) == ["fid_pixels", "fid_floor_pixels"]
    fid, floor = found["fid_pixels"], found["fid_floor_pixels"]
    assert fid["value"] > 10 * floor["value"]
    assert "200 samples to 297 images of the test split; features: the 64 pixel" in fid["meaning"]
    real, train = (
        digits.examples(split, order(digits, split)[:n])["x"].reshape(n, -1) / 16.0
        for split, n in (("test", 297), ("train", 200))
    )
    assert floor["value"] == pytest.approx(of_vectors(real, train), rel=1e-5)
    assert sorted(order(digits, "test")) == list(range(297))
    assert found["fid_floor_pixels"]["meaning"] == "of 200 train images to the same"


def test_the_train_split_has_its_floor_from_the_test_split(glf, digits):
    options = {"feature_samples": 50, "feature_extractor": ("pixels",)}
    found = evaluate(glf, digits, "train", only=["fid"], **options)
    assert "of 50 test images" in found["fid_floor_pixels"]["meaning"]
