import numpy as np
import pytest

from glf.data import noise
from glf.data.binarize import bernoulli, threshold
from glf.data.stream import EpochStream


@pytest.mark.parametrize("count", [1, 8, 13])
def test_words_depend_on_key_and_position_alone(count):
    key = noise.philox_key("a", 1)
    whole = noise.random_words(key, np.arange(40), count)
    scattered = np.array([39, 3, 4, 5, 0, 17, 17])
    np.testing.assert_array_equal(noise.random_words(key, scattered, count), whole[scattered])
    assert len(np.unique(whole)) == whole.size
    assert not np.array_equal(whole, noise.random_words(noise.philox_key("a", 2), range(40), count))


def test_words_of_no_position():
    assert noise.random_words(noise.philox_key("a"), [], 5).shape == (0, 5)


@pytest.mark.parametrize("seed", [0, -1, 2**63, (3, -4)])
def test_seed_words_are_two(seed):
    words = noise.seed_words(seed)
    assert len(words) == 2
    assert all(0 <= word < 2**32 for word in words)


def test_seed_words_tell_seeds_apart():
    seeds = [0, 1, -1, 2**32, 2**40, (0, 2)]
    assert len({tuple(noise.seed_words(seed)) for seed in seeds}) == len(seeds)


def test_permutation_is_pinned():
    # Splits of users' data rest on these numbers: they must never change.
    np.testing.assert_array_equal(noise.permutation(8, "split", "test"), [7, 6, 2, 3, 1, 4, 0, 5])
    assert sorted(noise.permutation(1000, "x", 3)) == list(range(1000))


def test_epochs_cover_each_example_once_in_other_orders():
    stream = EpochStream(10, seed=3)
    epochs = stream.examples(0, 40).reshape(4, 10)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(10), (4, 1)))
    assert len(np.unique(epochs, axis=0)) == 4
    np.testing.assert_array_equal(stream.examples(7, 33), epochs.ravel()[7:33])
    assert not np.array_equal(epochs, EpochStream(10, seed=4).examples(0, 40).reshape(4, 10))


def test_threshold_is_strict():
    np.testing.assert_array_equal(threshold(np.array([0, 8, 9, 16], np.uint8), 17), [0, 0, 1, 1])
    np.testing.assert_array_equal(threshold(np.array([127, 128], np.uint8), 256), [0, 1])


def test_bernoulli_has_the_right_mean_and_exact_ends():
    values = np.arange(17, dtype=np.uint8)
    images = np.broadcast_to(values[None, :, None, None], (4000, 17, 1, 1))
    bits = bernoulli(images, 17, noise.philox_key("b"), np.arange(4000))
    assert bits.dtype == np.uint8
    p = values / 16
    error = np.abs(bits.mean(axis=0).ravel() - p)
    assert np.all(error <= 4.5 * np.sqrt(p * (1 - p) / 4000))  # 0 and 16 without exception
