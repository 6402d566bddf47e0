"""Randomness as an argument: the same bits in every mode, other bits for every purpose."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from glf.core import random

SHAPE = (211, 317)


def draws(seed):
    return {
        "normal": random.normal(SHAPE, seed),
        "uniform": random.uniform(SHAPE, seed),
        "uniform64": random.uniform(SHAPE, seed, dtype=tf.float64),
        "open_uniform": random.open_uniform(SHAPE, seed),
        "open_uniform64": random.open_uniform(SHAPE, seed, tf.float64),
        "gumbel": random.gumbel(SHAPE, seed),
        "logistic": random.logistic(SHAPE, seed),
        "integers": random.uniform(SHAPE, seed, 0, 1000, tf.int32),
        "folded": random.fold(seed, "noise", 3, seed[0]),
    }


@pytest.fixture(scope="module")
def in_modes():
    seed = random.make_seed(17)
    return {
        "eager": draws(seed),
        "graph": tf.function(draws)(seed),
        "xla": tf.function(draws, jit_compile=True)(seed),
    }


@pytest.mark.parametrize("mode", ["graph", "xla"])
@pytest.mark.parametrize("name", draws(random.make_seed(0)))
def test_modes_agree_to_the_bit(in_modes, name, mode):
    eager, other = in_modes["eager"][name].numpy(), in_modes[mode][name].numpy()
    assert eager.tobytes() == other.tobytes()


def test_float64_normals_agree_to_the_last_bits():
    def draw():
        return random.normal([1000], 3, tf.float64)

    np.testing.assert_allclose(draw(), tf.function(draw, jit_compile=True)(), rtol=0, atol=1e-14)


def test_normals_are_those_of_box_and_muller():
    """As textbooks write it, from the same integers; every quarter of a turn is there."""
    seed = random.make_seed(3)
    pairs = tf.random.stateless_uniform(
        [10_000, 2], seed, minval=None, maxval=None, dtype=tf.uint32, alg=random.ALGORITHM
    )
    v, w = np.moveaxis((pairs.numpy().astype(np.float64) + 0.5) / 2**32, -1, 0)
    expected = np.sqrt(-2 * np.log(v)) * np.cos(2 * np.pi * w)
    drawn = random.normal([10_000], seed, tf.float64)
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-14)
    quarters = tf.constant([0.0, 0.25, 0.5, 0.75, 1.0], tf.float64)
    found = random._cosine_of_turns(quarters)
    np.testing.assert_allclose(found, [1, 0, -1, 0, 1], rtol=0, atol=4e-16)


def test_moments(in_modes):
    normal, uniform = in_modes["eager"]["normal"].numpy(), in_modes["eager"]["uniform"].numpy()
    n = normal.size
    # Six standard errors of the mean, the variance and the kurtosis.
    assert abs(normal.mean()) < 6 / n**0.5
    assert abs(normal.var() - 1) < 6 * (2 / n) ** 0.5
    assert abs((normal.astype(np.float64) ** 4).mean() - 3) < 6 * (96 / n) ** 0.5
    assert abs(uniform.mean() - 0.5) < 6 * (1 / 12 / n) ** 0.5
    assert abs(uniform.var() - 1 / 12) < 6 * (1 / 180 / n) ** 0.5


def test_neighbours_are_independent(in_modes):
    normal = in_modes["eager"]["normal"].numpy().ravel()
    for lag in (1, 2, SHAPE[1]):
        assert abs(np.mean(normal[lag:] * normal[:-lag])) < 6 / normal.size**0.5


@pytest.mark.parametrize(
    "draw", [random.normal, random.uniform, random.open_uniform, random.gumbel, random.logistic]
)
def test_smaller_draws_are_the_first_rows_of_larger_ones(draw):
    seed = random.make_seed(5)
    large = draw([300, 7], seed).numpy()
    for rows in (1, 2, 257):
        np.testing.assert_array_equal(draw([rows, 7], seed), large[:rows])


def test_uniform_range():
    drawn = random.uniform([200_000], 1).numpy()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    np.testing.assert_array_equal(drawn * 2**23, np.round(drawn * 2**23))
    drawn = random.uniform([1000], 1, -3, 5, tf.int32).numpy()
    assert set(drawn) == set(range(-3, 5))


@pytest.mark.parametrize(("dtype", "bits"), [(tf.float32, 23), (tf.float64, 52)])
def test_open_uniform_is_half_a_step_further(dtype, bits):
    drawn = random.open_uniform([1000], 1, dtype).numpy()
    grid = random.uniform([1000], 1, dtype=dtype)
    np.testing.assert_array_equal(drawn - 2.0 ** -(bits + 1), grid)
    # The last point of the grid, which no draw of this size meets, is below 1 in this precision.
    assert drawn.dtype.type(1 - 2.0**-bits) + drawn.dtype.type(2.0 ** -(bits + 1)) < 1


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize(
    ("draw", "law"),
    [(random.gumbel, scipy.stats.gumbel_r), (random.logistic, scipy.stats.logistic)],
)
def test_gumbel_and_logistic_laws(draw, law, dtype):
    drawn = draw([50_000], 3, dtype)
    assert drawn.dtype == dtype
    assert scipy.stats.kstest(drawn.numpy(), law.cdf).statistic < 0.008


def test_scalar_and_dynamic_shapes():
    assert random.normal([], 1).shape == ()
    assert random.uniform((), 1).shape == ()

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def rows(n):
        return random.normal(tf.stack([n, 3]), 9)

    np.testing.assert_array_equal(rows(4), random.normal([4, 3], 9))


@pytest.mark.parametrize(
    ("dtype", "bounds"), [(tf.float16, (0, 1)), (tf.float32, (0, 2)), (tf.float32, (-1, 1))]
)
def test_uniform_floats_are_those_on_the_unit_interval(dtype, bounds):
    with pytest.raises(ValueError, match=r"float32 or float64 on \[0, 1\)"):
        random.uniform([3], 0, *bounds, dtype)


def test_purposes_and_integers_give_distinct_seeds():
    data = ["noise", "dropout", "pictures", 0, 1, 2, 10**6, ("noise", 1), ("noise", 2), (1, 2)]
    seeds = [random.fold(7, *(d if isinstance(d, tuple) else (d,))).numpy() for d in data]
    assert len({tuple(seed) for seed in seeds}) == len(data)
    drawn = [random.normal([4], seed).numpy() for seed in seeds]
    assert len({d.tobytes() for d in drawn}) == len(data)


@pytest.fixture(scope="module")
def noise_of_steps():
    """(seeds [10^6, 2], one integer of each, int32 [10^6]) of steps folded into a seed."""

    @tf.function(jit_compile=True, autograph=False)
    def draw():
        def of_step(step):
            seed = random.fold(0, step)
            return seed, random.uniform([], seed, -(2**31), 2**31 - 1, tf.int32)

        return tf.map_fn(of_step, tf.range(10**6), (tf.int32, tf.int32))

    return [values.numpy() for values in draw()]


def test_steps_have_streams_of_their_own(noise_of_steps):
    seeds, drawn = noise_of_steps
    assert len(np.unique(seeds, axis=0)) == len(seeds)
    # Of n draws from m values about n^2 / 2m pairs are equal, with that variance, and no more.
    n, pairs = len(drawn), len(drawn) ** 2 / 2**33
    assert abs(n - len(np.unique(drawn)) - pairs) < 6 * pairs**0.5
    u = drawn / 2**31
    assert scipy.stats.kstest(u, "uniform", (-1, 2)).statistic < 3 / n**0.5
    for lag in (1, 2, 3, 64, 1000):
        assert abs(np.mean(u[lag:] * u[:-lag])) < 6 / 3 / n**0.5


def test_what_is_folded_later_keeps_all_bits():
    # With 32 bits of state two of these 2^17 would be equal, with a chance of 86 %.
    @tf.function(jit_compile=True, autograph=False)
    def seeds():
        def of_step(step):
            return random.fold(0, step, "noise", 1)

        return tf.map_fn(of_step, tf.range(2**17), tf.int32)

    drawn = seeds().numpy()
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    # Each of the 64 bits is one in half of them.
    bits = np.unpackbits(drawn.view(np.uint8), axis=1).mean(0)
    assert np.abs(bits - 0.5).max() < 6 * 0.5 / len(drawn) ** 0.5


def test_fold_depends_on_the_order():
    assert not np.array_equal(random.fold(7, 1, 2), random.fold(7, 2, 1))


def test_fold_with_tensor_equals_fold_with_integer():
    np.testing.assert_array_equal(random.fold(7, tf.constant(12, tf.int64)), random.fold(7, 12))


def test_integers_of_64_bits_give_distinct_seeds():
    integers = [0, 1, -1, 2**31, 2**32, 2**32 + 1, 2**40 + 1, -(2**63), 2**63 - 1, 2**63]
    seeds = {tuple(random.make_seed(i).numpy()) for i in integers}
    # 2**63 and -2**63 have the same 64 bits.
    assert len(seeds) == len(integers) - 1


def test_longer_integers_are_hashed():
    integers = [2**64, 2**64 + 1, -(2**64), 2**65, 7**200, -(7**200)]
    seeds = {tuple(random.make_seed(i).numpy()) for i in integers}
    assert len(seeds) == len(integers)
    np.testing.assert_array_equal(random.make_seed(2**64), random.make_seed(2**64))


@pytest.mark.parametrize("integer", [0, 5, -5, 2**40 + 3, -(2**63)])
def test_tensors_and_integers_give_the_same_seed(integer):
    expected = random.make_seed(integer).numpy()
    np.testing.assert_array_equal(random.make_seed(tf.constant(integer, tf.int64)), expected)
    np.testing.assert_array_equal(random.make_seed(np.int64(integer)), expected)


def test_a_pair_is_a_seed_already():
    np.testing.assert_array_equal(random.make_seed([3, -4]), [3, -4])
    np.testing.assert_array_equal(random.make_seed(random.make_seed(8)), random.make_seed(8))


@pytest.mark.parametrize("seed", [0.5, [1, 2, 3], [[1, 2]], "word", [0.5, 1.0]])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ValueError, match="seed"):
        random.make_seed(seed)


def test_numpy_generator_is_keyed_by_words_and_integers():
    keys = [("a", 1), ("a", 2), ("b", 1), (1, "a"), (2**63,)]
    drawn = {random.numpy_generator(*key).integers(2**63) for key in keys}
    assert len(drawn) == len(keys)
    again = random.numpy_generator("a", 1).normal(size=5)
    np.testing.assert_array_equal(random.numpy_generator("a", 1).normal(size=5), again)


def test_the_seed_of_a_word_is_what_0_is_folded_to():
    seed = tf.function(lambda: tf.constant(random.seed_of("a word")), autograph=False)()
    np.testing.assert_array_equal(seed, random.fold(0, "a word"))
    np.testing.assert_array_equal(random.seed_of("a word"), seed)
