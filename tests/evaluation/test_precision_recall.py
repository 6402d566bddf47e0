"""Precision, recall, density and coverage against their definitions, one pair after the other."""

import dataclasses

import numpy as np
import pytest

from glf.evaluation.precision_recall import supports


def one_pair_after_the_other(real, fake, k):
    """The four numbers as they are defined: loops over examples."""

    def radius(points, i):
        others = [np.linalg.norm(points[i] - p) for j, p in enumerate(points) if j != i]
        return sorted(others)[k - 1]

    of_real = [radius(real, i) for i in range(len(real))]
    of_fake = [radius(fake, j) for j in range(len(fake))]
    apart = [[np.linalg.norm(x - y) for y in fake] for x in real]
    pairs = [(i, j) for i in range(len(real)) for j in range(len(fake))]
    in_real = [(i, j) for i, j in pairs if apart[i][j] < of_real[i]]
    in_fake = [(i, j) for i, j in pairs if apart[i][j] < of_fake[j]]
    return (
        len({j for _, j in in_real}) / len(fake),
        len({i for i, _ in in_fake}) / len(real),
        len(in_real) / (k * len(fake)),
        len({i for i, _ in in_real}) / len(real),
    )


def four(real, fake, k):
    return dataclasses.astuple(supports(real, fake, [k])[k])


def test_as_defined():
    generator = np.random.default_rng(0)
    real, fake = generator.normal(size=(31, 2)), 2 + generator.normal(size=(26, 2))
    found = supports(real, fake, (1, 3, 5))
    for k in (1, 3, 5):
        expected = one_pair_after_the_other(real, fake, k)
        np.testing.assert_allclose(dataclasses.astuple(found[k]), expected, rtol=1e-12)
    assert 0 < found[3].recall < 1


def test_as_others_compute_it():
    """Figures of `compute_prdc(real, fake, nearest_k=k)` of prdc 0.2.

    Precision and recall for k = 3 are also those of torch-fidelity 0.4.0, by its
    `prc_features_to_metric` with prc_neighborhood=3.
    """
    state = np.random.RandomState(7)
    real, fake = state.randn(500, 16), 0.8 * state.randn(400, 16) + 0.3
    found = supports(real, fake, (3, 5))
    expected = {3: (0.945, 0.35, 1.8808333333333334, 0.824), 5: (0.9825, 0.434, 1.8955, 0.932)}
    for k, values in expected.items():
        np.testing.assert_allclose(dataclasses.astuple(found[k]), values, rtol=1e-12)


def test_equal_sets():
    """Every example lies in its own ball, with its k - 1 nearest others; the k-th does not."""
    features = np.random.default_rng(1).normal(size=(200, 8)).astype(np.float32)
    assert four(features, features.copy(), 5) == (1.0, 1.0, 1.0, 1.0)


def test_draws_of_one_distribution():
    """Density 1 is expected, and coverage 1 - 2^-k of many examples (Naeem et al., section 3.3)."""
    generator = np.random.default_rng(2)
    _, _, density, coverage = four(*generator.normal(size=(2, 1500, 4)), 5)
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_a_cluster_within():
    """Samples of one narrow mode within broad data: precise, and of little recall."""
    generator = np.random.default_rng(3)
    real, fake = 3 * generator.normal(size=(1000, 2)), 0.1 * generator.normal(size=(1000, 2))
    precision, recall, _, coverage = four(real, fake, 3)
    assert precision > 0.8
    assert recall < 0.3
    assert coverage < 0.1


def test_what_moves_them():
    generator = np.random.default_rng(4)
    modes = 6 * generator.normal(size=(10, 8))
    real = modes[np.arange(600) % 10] + generator.normal(size=(600, 8))
    good = modes[np.arange(600) % 10] + generator.normal(size=(600, 8))
    # Five of ten modes dropped: as precise as before, half the recall and coverage.
    dropped = modes[np.arange(600) % 5] + generator.normal(size=(600, 8))
    noisy = good + 3 * generator.normal(size=(600, 8))
    best, fewer, worse = (four(real, fake, 5) for fake in (good, dropped, noisy))
    assert fewer[0] > best[0] - 0.05
    assert fewer[1] < 0.6 * best[1]
    assert fewer[3] < 0.6 * best[3]
    assert worse[0] < 0.5 * best[0]
    assert worse[2] < 0.5 * best[2]
    # Density is not fooled by one real outlier, around which precision counts all (section 3.1).
    real[0] = 100.0
    around = 100.0 + generator.normal(size=(600, 8))
    precision, _, density, _ = four(real, around, 5)
    assert precision == 1.0
    assert density == pytest.approx(1 / 5)


def test_normals_of_many_dimensions():
    """As prdc 0.2 has it for the same draws, a tenth of those in the example of its README.

    That example, 10,000 of each, prints .4772, .4705, 1.0555 and .9735, of draws without a seed.
    """
    state = np.random.RandomState(0)
    real, fake = state.normal(size=(1000, 1000)), state.normal(size=(1000, 1000))
    np.testing.assert_allclose(four(real, fake, 5), (0.642, 0.593, 1.1368, 0.971), rtol=1e-12)


def test_too_few():
    with pytest.raises(ValueError, match="At least 6 generated examples are needed, got 5"):
        supports(np.zeros((6, 2)), np.zeros((5, 2)), (3, 5))
