"""The comparison of samplers finds what there is to find."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.data.dataset import DataSpec
from glf.evaluation import sampling_pictures
from glf.evaluation.pictures import to_bytes
from glf.evaluation.sampling import compare_samplers, table_of_samplers
from glf.families import DiscretizedLogisticMixture
from glf.samplers.ancestral import Ancestral, CachedAncestral
from glf.samplers.predictive import Predictive

SHAPE, LEVELS = (4, 3, 1), 3


class Careless(Predictive):
    """A wrong sampler: its noise is scaled, and it does not own up to it."""

    def __call__(self, model, noise, context=None, temperature=1.0, known=None):
        return super().__call__(model, noise, context, 0.3 * temperature, known)


class Forgetful(Predictive):
    """A wrong sampler: it takes its first guess, which is all zeros, for the sample."""

    def draw(self, model, noise, context, temperature, known):
        found = super().draw(model, noise, context, temperature, known)
        return found._replace(x=tf.zeros_like(found.x))


def small_model(**changes):
    keras.utils.set_random_seed(3)
    make_network = functools.partial(PixelCNN, filters=4, blocks=1, first_kernel=3, head=4)
    model = AutoregressiveModel(DataSpec(SHAPE, LEVELS, None), make_network=make_network, **changes)
    generator = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(weight + generator.normal(scale=0.5, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def results(model):
    samplers = {
        "ancestral": Ancestral(),
        "cached_ancestral": CachedAncestral(),
        "fixed_point": Predictive(),
        "windowed": Predictive(rows=2),
        "careless": Careless(),
        "forgetful": Forgetful(),
    }
    said = []
    found = compare_samplers(
        model,
        samplers,
        seeds=3,
        batch=5,
        fewer_seeds={"ancestral": 1},
        repeats=2,
        progress=said.append,
    )
    return found, said


@pytest.mark.slow
def test_what_is_reported(results, model):
    found, said = results
    assert {name: r["seeds"] for name, r in found.items()} == {
        "ancestral": 1,
        "cached_ancestral": 3,
        "fixed_point": 3,
        "windowed": 3,
        "careless": 3,
        "forgetful": 3,
    }
    assert found["ancestral"]["calls_percent"] == {
        "mean": 100.0,
        "deviation": None,
        "values": [100.0],
    }
    assert found["cached_ancestral"]["forward_equivalents"]["mean"] == 1.0
    fixed, windowed = found["fixed_point"], found["windowed"]
    assert fixed["calls_percent"]["mean"] < 100
    assert fixed["slowest_percent"]["mean"] > fixed["calls_percent"]["mean"]
    np.testing.assert_allclose(
        fixed["forward_equivalents"]["mean"],
        fixed["calls_percent"]["mean"] / 100 * model.positions,
        rtol=1e-6,
    )
    assert windowed["forward_equivalents"]["mean"] < fixed["forward_equivalents"]["mean"]
    for r in found.values():
        assert len(r["seconds"]["values"]) == r["seeds"]
        if r["seeds"] > 1:
            values = r["seconds"]["values"]
            np.testing.assert_allclose(r["seconds"]["deviation"], np.std(values, ddof=1))
    assert len(said) == 6 + 3
    assert said[-3].startswith("seed 0: ancestral ")
    assert said[-1].startswith("seed 2: cached_ancestral ")


@pytest.mark.slow
def test_speedups_are_of_the_same_seeds(results):
    found, _ = results
    speedup = found["windowed"]["speedup"]
    assert len(speedup["ancestral"]["values"]) == 1
    for baseline, ratios in speedup.items():
        for i, ratio in enumerate(ratios["values"]):
            expected = found[baseline]["seconds"]["values"][i]
            expected /= found["windowed"]["seconds"]["values"][i]
            np.testing.assert_allclose(ratio, expected)


@pytest.mark.slow
def test_a_wrong_sampler_is_found_out(results):
    found, _ = results
    assert found["careless"]["differing"] > 0
    for name in ("ancestral", "cached_ancestral", "fixed_point", "windowed"):
        assert found[name]["differing"] == 0
        assert found[name]["uncertified"] == 0
        assert found[name]["mended"] == found[name]["mending_passes"] == 0


@pytest.mark.slow
def test_what_the_certificate_mends_is_counted(results, model):
    """The forgetful sampler ends with the right samples, and is found out all the same."""
    found, _ = results
    wrong = found["forgetful"]
    assert wrong["differing"] == wrong["uncertified"] == 0
    own = [Ancestral()(model, model.noise(5, seed)).x.numpy() for seed in range(3)]
    assert wrong["mended"] == (np.array(own) != 0).sum()
    assert wrong["mended_samples"] == (np.array(own) != 0).any(axis=(2, 3)).sum()
    assert wrong["mending_passes"] >= wrong["mended_samples"]
    table = table_of_samplers({"forgetful": wrong}).splitlines()
    assert table[0].split()[-2:] == ["mended", "passes"]
    expected = [str(wrong["mended"]), "/", str(wrong["mended_samples"])]
    assert table[1].split()[-4:] == [*expected, str(wrong["mending_passes"])]


@pytest.mark.slow
def test_the_table(results):
    found, _ = results
    head, *rows = table_of_samplers(found).splitlines()
    assert head.split()[:4] == ["sampler", "rows", "T", "seeds"]
    assert rows[3].split()[:3] == ["windowed", "2", "3"]
    assert found["windowed"]["settings"] == {"rows": 2}
    assert [row.split()[0] for row in rows] == list(found)
    assert len({len(row) for row in [head, *rows]}) == 1
    assert rows[0].split()[2] == "100"
    mean = found["fixed_point"]["calls_percent"]["mean"]
    assert f"{mean:.1f} +- " in rows[2]


def test_contexts_reach_the_model():
    model = small_model(context_shape=(None, 1, 1, 4))
    samplers = {"fixed_point": Predictive(), "cached": CachedAncestral()}
    context = np.random.default_rng(0).normal(size=(2, 1, 1, 4)).astype(np.float32)
    found = compare_samplers(model, samplers, seeds=1, batch=2, context=context)
    assert found["cached"]["differing"] == 0
    with pytest.raises(ValueError, match="needs a condition"):
        compare_samplers(model, samplers, seeds=1, batch=2)


def test_errors(model):
    with pytest.raises(ValueError, match="seeds must be at least 1, got 0"):
        compare_samplers(model, {"fixed_point": Predictive()}, seeds=0)
    with pytest.raises(ValueError, match="names ancestral"):
        compare_samplers(model, {"fixed_point": Predictive()}, fewer_seeds={"ancestral": 1})


def test_colours_get_brighter():
    colours = sampling_pictures.heat_map(np.arange(1, 101), 1, 100)
    assert colours.dtype == np.uint8
    brightness = colours @ np.array([0.3, 0.59, 0.11])
    assert (np.diff(brightness) > 0).mean() > 0.98
    assert tuple(colours[0]) == (16, 18, 58)
    assert tuple(colours[-1]) == (255, 252, 228)
    np.testing.assert_array_equal(sampling_pictures.heat_map([-3, 500], 1, 100), colours[[0, -1]])


def test_the_last_channel_of_a_pixel_counts():
    final_at = np.arange(24).reshape(2, 12)
    by_channel = sampling_pictures.call_per_pixel(final_at, (2, 2, 3))
    np.testing.assert_array_equal(by_channel[0], [[2, 5], [8, 11]])
    by_pixel = sampling_pictures.call_per_pixel(final_at, (4, 3, 3))
    np.testing.assert_array_equal(by_pixel[1].reshape(-1), np.arange(12, 24))


@pytest.mark.parametrize("maps", [(4, 6), (2, 3)])
def test_samples_beside_their_calls(maps):
    images = np.random.default_rng(0).integers(0, 3, (3, 4, 6, 1))
    calls = np.ones((3, *maps), int)
    calls[1, -1, -1] = 9
    pixels, last = sampling_pictures.samples_and_calls(images, 3, calls)
    assert last == 9
    assert pixels.shape[1:] == (4 * 7 + 1, 3)
    # Images and maps in turn, two pairs in a row, white lines between.
    np.testing.assert_array_equal(pixels[1:5, 1:7], to_bytes(images, 3)[0] + np.zeros(3))
    assert tuple(pixels[4, 7 * 4 - 1]) == (255, 252, 228)
    assert tuple(pixels[1, 8]) == (16, 18, 58)
    assert tuple(pixels[-1, 0]) == (16, 18, 58)
    assert tuple(pixels[-1, -1]) == (255, 252, 228)


def test_sequences_are_folded():
    sequence = np.arange(22).reshape(2, 11, 1, 1)
    found = sampling_pictures.folded(sequence)
    assert found.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(found[1].reshape(-1), [*range(11, 22), 21])
    assert sampling_pictures.folded(sequence[..., 0]).shape == (2, 3, 4)
    images = np.zeros((2, 3, 2, 1))
    assert sampling_pictures.folded(images) is images
    pixels, last = sampling_pictures.samples_and_calls(sequence, 22, sequence[..., 0] + 1)
    assert last == 22
    assert pixels.shape == (2 * (3 + 1) + 1 + 8, 2 * (4 + 1) + 1, 3)


def test_maps_that_do_not_fit():
    with pytest.raises(ValueError, match="Maps of 3 x 3 calls"):
        sampling_pictures.samples_and_calls(np.zeros((1, 4, 6, 1)), 2, np.ones((1, 3, 3)))


def test_one_logistic_mixture_position_covers_a_pixel():
    model = AutoregressiveModel(
        DataSpec((3, 2, 3), 4, None),
        make_network=functools.partial(PixelCNN, filters=4, blocks=1, head=4),
        make_family=functools.partial(DiscretizedLogisticMixture, components=2),
    )
    found = Predictive()(model, model.noise(2, 0))
    assert sampling_pictures.call_per_pixel(found.final_at, (3, 2, 3)).shape == (2, 3, 2)
