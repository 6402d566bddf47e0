"""Areas under curves against counts of pairs, and what is told from what."""

import numpy as np
import pytest
import tensorflow as tf

from glf.data import make_dataset
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate
from glf.evaluation.outliers import Outliers, auroc, outliers_for
from glf.models.abilities import HasLogProb


def counted(own, their):
    return np.mean([[(a > b) + (a == b) / 2 for b in their] for a in own])


def test_pairs_are_counted():
    generator = np.random.default_rng(0)
    own, their = generator.integers(0, 9, 40), generator.integers(0, 7, 31)
    assert auroc(own, their) == pytest.approx(counted(own, their), rel=1e-12)
    assert auroc([3, 4], [1, 2]) == 1
    assert auroc([1, 2], [3, 4]) == 0
    assert auroc([1, 1], [1, 1]) == 0.5


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A file of noise of fewer levels than the digits have, in three splits."""
    generator = np.random.default_rng(1)
    splits = {k: generator.integers(0, 9, (60, 8, 8, 1), np.uint8) for k in ("train", "test")}
    path = tmp_path_factory.mktemp("outliers") / "white noise.npz"
    np.savez(path, x_train=splits["train"], x_test=splits["test"])
    return f"array:{path}", splits["test"]


def test_scores_of_a_model(glf, digits, noise):
    source, outliers = noise
    found = evaluate(glf, digits, only=["outliers"], ood_source=source)
    names = ["latent", "reconstruction", "both"]
    assert list(found) == [f"auroc_{name}_white_noise" for name in names]
    assert "297 examples of the test split and 60 of arr" in found[next(iter(found))]["meaning"]
    both, values = [], {}
    for x in (digits.examples("test", slice(None))["x"], outliers):
        x = tf.constant(x)
        latent = glf.latent_log_prob(glf.encode(x)).numpy().astype(float)
        error = np.square(glf.reconstruct_unit(x).numpy() - x.numpy() / 16).mean((1, 2, 3))
        both.append((latent, -error))
    for k, name in enumerate(names[:2]):
        values[name] = counted(both[0][k], both[1][k])
    (mean, std) = zip(*[(s.mean(), s.std()) for s in both[0]], strict=True)
    total = [sum((s[k] - mean[k]) / std[k] for k in (0, 1)) for s in both]
    values["both"] = counted(*total)
    for name, value in values.items():
        assert found[f"auroc_{name}_white_noise"]["value"] == pytest.approx(value, abs=2e-3)


class Flat(HasLogProb):
    """A density that is high where images are dark."""

    condition_encoder = None

    def _checked(self, x, condition):
        return x, condition

    def _in_pieces(self, function, x, **_):
        return -tf.reduce_sum(tf.cast(x, tf.float32), (1, 2, 3))


def test_a_likelihood_may_prefer_outliers(digits, tmp_path):
    np.save(tmp_path / "dark.npy", np.zeros((50, 8, 8, 1), np.uint8))
    evaluator = Outliers(f"array:{tmp_path}/dark.npy")
    found = evaluator.measure(Subject(Flat(), digits))
    assert list(found) == ["auroc_likelihood_dark"]
    assert found["auroc_likelihood_dark"]["value"] == 0
    Flat._in_pieces = lambda self, function, x, **_: tf.fill([len(x)], np.nan)
    with pytest.raises(ValueError, match="297 of 297 values of the log-likelihood are not finite"):
        evaluator.measure(Subject(Flat(), digits))


def test_outliers_are_made_of_levels_as_the_data_are(digits, noise):
    bits = make_dataset("digits", binarize="threshold")
    assert outliers_for(bits, noise[0]).spec == make_dataset(noise[0], binarize="threshold").spec
    assert outliers_for(digits, noise[0]).spec.levels == 17
    with pytest.raises(ValueError, match=r"vessels' has shape .* and the data .* digits"):
        outliers_for(digits, "vessels")
    with pytest.raises(ValueError, match="source is one of digits"):
        outliers_for(digits, "mnist")


def test_models_that_cannot(glf, digits):
    evaluator = Outliers("digits")
    assert "a object is none" in evaluator.refusal(Subject(object(), digits))
    conditional = Flat()
    conditional.condition_encoder = object()
    assert "for models without a condition" in evaluator.refusal(Subject(conditional, digits))
    assert evaluator.refusal(Subject(glf, digits)) is None


def test_a_wrong_source_is_refused_before_anything_is_measured(glf, digits):
    with pytest.raises(ValueError, match="vessels' has shape"):
        Outliers("vessels").refusal(Subject(glf, digits))
