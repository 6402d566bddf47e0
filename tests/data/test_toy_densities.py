"""Densities in the plane: their points, their log-densities, their floors."""

import numpy as np
import pytest
from scipy import special

from glf.data import DataSpec, make_dataset
from glf.data import noise as random_bits
from glf.data.densities import Checkerboard, EightGaussians, TwoMoons
from glf.data.points import DENSITIES

CASES = {
    "two_moons": TwoMoons(),
    "wide_moons": TwoMoons(0.1),
    "checkerboard": Checkerboard(),
    "eight_gaussians": EightGaussians(),
}
# Entropies in nats, by other means than this code.
FLOORS = {
    "two_moons": 0.290,
    "wide_moons": 1.008,
    "checkerboard": np.log(32),
    "eight_gaussians": 2.834,
}
each = pytest.mark.parametrize("name", CASES)


def points_of(name, count=40_000):
    words = random_bits.random_words(random_bits.philox_key(name), range(count), CASES[name].words)
    return CASES[name].draw(words)


def cells(density, cells=250, side=10.0):
    """(points in the middle of cells of the plane, the mass of each, the area of one)."""
    middle = (np.arange(cells) + 0.5) / cells * side - side / 2
    points = np.stack(np.meshgrid(middle, middle, indexing="ij"), -1).reshape(-1, 2)
    log_prob = density.log_prob(points)
    area = (side / cells) ** 2
    return points, log_prob, area


@each
def test_a_density_sums_to_one_and_has_its_floor(name):
    side = {"checkerboard": 8.0, "eight_gaussians": 10.0}.get(name, 6.0)
    _, log_prob, area = cells(CASES[name], side=side)
    mass = np.exp(log_prob) * area
    assert mass.sum() == pytest.approx(1, abs=1e-4)
    entropy = -(mass * np.where(mass > 0, log_prob, 0)).sum()
    assert entropy == pytest.approx(FLOORS[name], abs=0.004)


@each
def test_points_follow_their_density(name):
    points = points_of(name)
    assert points.dtype == np.float32
    log_prob = CASES[name].log_prob(points)
    assert np.isfinite(log_prob).all()
    error = log_prob.std() / np.sqrt(len(points))
    assert -log_prob.mean() == pytest.approx(FLOORS[name], abs=0.004 + 4 * error)
    # In coarse cells: as many points as the density says.
    at, log_prob, area = cells(CASES[name], cells=200, side=8.0)
    mass = np.exp(log_prob) * area
    coarse = [np.floor((p + 4) / 0.8).clip(0, 9).astype(int) @ [10, 1] for p in (points, at)]
    found = np.bincount(coarse[0], minlength=100) / len(points)
    expected = np.bincount(coarse[1], mass, minlength=100)
    deviation = np.sqrt(expected / len(points))
    assert np.all(np.abs(found - expected) <= 5 * deviation + 2e-3 * expected + 1e-5)


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.1, 1.0])
def test_the_integral_along_the_moons(noise):
    density = TwoMoons(noise)
    points = np.concatenate([points_of("two_moons", 50), [[3, 3], [0.5, 0.25], [-1, 0], [2, 0.5]]])
    angle = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    arcs = np.concatenate(
        [
            np.stack([np.cos(angle), np.sin(angle)], 1),
            np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1),
        ]
    )
    squares = ((points[:, None] - arcs) ** 2).sum(-1)
    expected = special.logsumexp(-squares / (2 * noise**2), axis=1)
    expected -= np.log(len(arcs) * 2 * np.pi * noise**2)
    np.testing.assert_allclose(density.log_prob(points), expected, rtol=1e-4, atol=1e-4)


def test_moons_are_those_of_scikit_learn():
    from sklearn.datasets import make_moons

    ours = points_of("two_moons", 20_000).astype(float)
    theirs, _ = make_moons(20_000, noise=0.05, random_state=0)
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.03)
    log_prob = CASES["two_moons"].log_prob(theirs)
    assert -log_prob.mean() == pytest.approx(0.290, abs=0.02)


def test_the_edges_of_the_checkerboard():
    # All words 0 and all words 1: the corners of what can be drawn stay inside.
    extreme = np.array([[0, 0, 0], [2**32 - 1] * 3, [0, 2**32 - 1, 2**31], [2**32 - 1, 0, 0]])
    points = Checkerboard().draw(extreme.astype(np.uint32))
    np.testing.assert_array_equal(Checkerboard().log_prob(points), np.full(4, -np.log(32)))
    outside = [[-5, 1], [0.5, 4.1], [1, -1], [-1, 1], [3, 1]]
    np.testing.assert_array_equal(Checkerboard().log_prob(outside), [-np.inf] * 4 + [-np.inf])


@pytest.fixture(scope="module")
def moons():
    return make_dataset("two_moons", num_examples=30, validation_examples=20)


def test_the_dataset(moons):
    assert moons.spec == DataSpec((2,), None, None)
    assert moons.spec.dtype == "float32"
    counts = [moons.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [30, 20, 50_000]
    assert moons.density.noise == 0.05
    test = moons.examples("test", slice(0, 100))["x"]
    assert test.dtype == np.float32
    (validation,) = moons.eval_batches("validation", 20)
    assert set(validation) == {"x"}
    assert validation["x"].dtype == "float32"
    splits = ("train", "validation", "test")
    everything = np.concatenate([moons.examples(s, slice(0, 20))["x"] for s in splits])
    assert len(np.unique(everything, axis=0)) == 60


def test_training_draws_fresh_points_that_depend_on_seed_and_position_alone(moons):
    def stream(seed=3, batch_size=8, **options):
        batches = moons.train_batches(batch_size, seed, **options)
        return np.stack([b["x"].numpy() for b in batches])

    whole = stream(num_steps=12)
    assert whole.shape == (12, 8, 2)
    # More than the split holds, and none of them twice.
    assert len(np.unique(whole.reshape(-1, 2), axis=0)) == 96
    np.testing.assert_array_equal(stream(start_step=5, num_steps=7), whole[5:])
    np.testing.assert_array_equal(stream(batch_size=4, num_steps=24).reshape(whole.shape), whole)
    shards = [stream(num_steps=12, shard=(i, 2)) for i in range(2)]
    np.testing.assert_array_equal(np.concatenate(shards, 1), whole)
    assert not np.array_equal(stream(seed=4, num_steps=12), whole)
    held = moons.examples("train", slice(None))["x"]
    assert not (whole.reshape(-1, 1, 2) == held).all(2).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": 0.001}, "number of at least 0.01, got 0.001"),
        ({"noise": "much"}, "number of at least 0.01"),
        ({"horizontal_flip": True}, "are for images, not for the points"),
        ({"max_translation": 0.1}, "are for images, not for the points"),
        ({"binarize": "fixed"}, "are for images, not for the points of 'two_moons'"),
        ({"num_bits": 5}, "are for images, not for the points"),
        ({"num_examples": 0}, "num_examples is an integer of at least 1, got 0"),
        ({"source": "two_moons:3"}, "one of digits, vessels, two_moons"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_dataset(**{"source": "two_moons", **options})


def test_every_density_is_a_source():
    for name, make in DENSITIES.items():
        dataset = make_dataset(name, num_examples=5)
        assert type(dataset.density) is make
        assert dataset.examples("train", slice(None))["x"].shape == (5, 2)
