"""With the same noise every sampler returns the same sample; what they report is true."""

import copy

import numpy as np
import pytest
import tensorflow as tf

from glf.samplers import SAMPLERS, CachedAncestral, Predictive, make_sampler
from glf.samplers.predictive import GUESSES, window_rows

OTHERS = {
    "cached": CachedAncestral(jit=False),
    "whole": Predictive(jit=False),
    "window of 1": Predictive(rows=1, jit=False),
    "window of 2": Predictive(rows=2, jit=False),
    "a queue": Predictive(rows=2, batch=3, jit=False),
    "forecasts": Predictive(forecast=True, jit=False),
    "forecasts, window, queue": Predictive(forecast=True, rows=2, batch=2, horizon=1, jit=False),
    **{guess: Predictive(guess=guess, jit=False) for guess in GUESSES if guess != "own"},
}
COMPILED = {name: make_sampler(name) for name in sorted(set(SAMPLERS) - {"ancestral"})}


def same(a, b, name=""):
    np.testing.assert_array_equal(a.x.numpy(), b.x.numpy(), name)


@pytest.mark.parametrize("name", OTHERS)
def test_equals_ancestral(case, name):
    found = case.drawn(OTHERS, 13)[name]
    same(found, case.reference(13))
    assert found.certified.numpy().all()
    # Of its own accord: where no sum rounds, every way to compute it gives the same bits.
    assert (found.mended.numpy() == 0).all()
    assert (found.mending_passes.numpy() == 0).all()
    calls = found.calls.numpy()
    assert (calls >= 1).all()
    assert (calls <= case.model.positions).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "num"),
    # Where no sum rounds, none rounds otherwise in another number of rows.
    [
        *(("binary", 7), ("colour", 7)),
        *((name, num) for name in ("mixture", "gated, context") for num in (1, 7, 32)),
    ],
    indirect=["case"],
)
def test_equals_ancestral_compiled(case, num):
    names = ("cached_ancestral", "windowed", "forecasting_windowed")
    samplers = {name: COMPILED[name] for name in names}
    for seed in range(3):
        for name, found in case.drawn(samplers, num, seed).items():
            same(found, case.reference(num, seed), name)
            assert not found.mended.numpy().any(), name


def test_a_wrong_cache_is_found_out(get_case, forgetful):
    """The sample is mended until it is right; that it had to be is said."""
    case = get_case("binary")
    names = ("cached", "window of 1", "a queue", "forecasts, window, queue")
    copies = {name: copy.copy(OTHERS[name]) for name in names}  # these are traced anew
    for name, found in case.drawn(copies, 13).items():
        same(found, case.reference(13), name)
        assert found.certified.numpy().all(), name
        mended, passes = found.mended.numpy(), found.mending_passes.numpy()
        np.testing.assert_array_equal(passes > 0, mended > 0)
        assert (mended > 0).mean() > 0.5, name
        # What was mended is not hidden among what the sampler did itself.
        assert (found.calls.numpy() <= case.model.positions).all(), name
        np.testing.assert_array_equal(found.final_at.numpy()[:, -1], found.calls)


@pytest.mark.slow
def test_hundreds_of_random_cases(get_case):
    case = get_case("binary")
    for seed in (11, 12):
        for name, found in case.drawn(COMPILED, 200, seed).items():
            same(found, case.reference(200, seed), name)
            assert not found.mended.numpy().any(), name


def test_an_image_does_not_depend_on_its_neighbours(case):
    """Own windows, own stop: the calls of an image are those it takes alone."""
    together = case.drawn(OTHERS, 13)["window of 2"]
    queued = case.drawn(OTHERS, 13)["a queue"]
    np.testing.assert_array_equal(together.calls, queued.calls)
    np.testing.assert_array_equal(together.final_at, queued.final_at)


def test_the_first_images_of_a_larger_request_are_the_same(case):
    np.testing.assert_array_equal(case.noise(13)[:4], case.noise(4))


def test_final_at_counts_calls_in_order(case):
    found = case.drawn(OTHERS, 13)["window of 2"]
    final_at = found.final_at.numpy()
    assert (np.diff(final_at, axis=1) >= 0).all()
    assert (final_at[:, 0] == 1).all()
    np.testing.assert_array_equal(final_at[:, -1], found.calls)


def test_forward_equivalents_are_the_share_computed(case):
    height = case.model.image_shape[0]
    for name, rows in (("whole", height), ("window of 2", 2)):
        found = case.drawn(OTHERS, 13)[name]
        np.testing.assert_allclose(
            found.forward_equivalents, found.calls.numpy() * rows / height, rtol=1e-6
        )
    cached = case.drawn(OTHERS, 13)["cached"]
    np.testing.assert_allclose(cached.forward_equivalents, case.model.groups)


def test_every_call_makes_something_final(get_case):
    """Windows of a single row and the worst of guesses: still at most d calls."""
    case = get_case("binary")
    for sampler in (Predictive(rows=1, guess="zeros", jit=False), OTHERS["window of 1"]):
        found = case.draw(sampler, case.noise(200, 21))
        steps = np.diff(
            np.concatenate([np.zeros((200, 1)), found.final_at.numpy()], axis=1), axis=1
        )
        assert steps.max() <= 1
        assert (found.calls.numpy() <= case.model.positions).all()


def test_own_output_needs_fewer_calls_than_ancestral_sampling(case):
    calls = case.drawn(OTHERS, 13)["whole"].calls.numpy()
    assert calls.mean() < 0.7 * case.model.positions


@pytest.mark.slow
def test_given_values_stay_and_the_rest_follows(case, ancestral):
    """A known beginning, and holes within."""
    model = case.model
    some = case.reference(13, seed=3).x.numpy()
    known = np.full_like(some, -1)
    known[:, : model.positions // 3] = some[:, : model.positions // 3]
    known[::2, -3] = some[::2, -3]
    known = tf.constant(known)
    names = ("cached", "whole", "a queue", "forecasts, window, queue")
    samplers = {"ancestral": ancestral, **{name: OTHERS[name] for name in names}}
    found = dict(case.drawn(samplers, 13, known=known))
    reference = found.pop("ancestral")
    is_known = known.numpy() >= 0
    np.testing.assert_array_equal(reference.x.numpy()[is_known], some[is_known])
    assert (reference.x.numpy() != case.reference(13).x.numpy()).any()
    for name, samples in found.items():
        same(samples, reference, name)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_temperature(case, ancestral, temperature):
    t = tf.constant(temperature)
    samplers = {"ancestral": ancestral, "a queue": OTHERS["a queue"]}
    reference, queued = case.drawn(samplers, 5, temperature=t).values()
    same(queued, reference)
    if temperature == 0.0 and case.model.context_shape is None:
        assert (reference.x.numpy() == reference.x.numpy()[:1]).all()


def test_labels_change_the_sample(get_case):
    """The same noise under each of three labels."""
    case = get_case("gated, context")
    x = case.draw(OTHERS["whole"], tf.repeat(case.noise(8), 3, axis=0)).x.numpy()
    assert (x[0::3] != x[1::3]).any()
    assert (x[1::3] != x[2::3]).any()


def test_forecasts_need_a_forecaster(get_case):
    case = get_case("binary")
    kept, case.model.forecaster = case.model.forecaster, None
    try:
        with pytest.raises(ValueError, match="make_forecaster = @Forecaster"):
            case.draw(copy.copy(OTHERS["forecasts"]), case.noise(1))
    finally:
        case.model.forecaster = kept


def test_the_settings_that_a_table_shows(get_case):
    """What was used, not what was asked for: of a forecaster, at most what it was trained for."""
    model = get_case("binary").model  # 5 rows, a forecaster of 3 positions
    assert make_sampler("ancestral").settings(model) == {}
    assert make_sampler("fixed_point").settings(model) == {}
    assert make_sampler("windowed").settings(model, 100) == {"rows": 1}
    assert make_sampler("windowed", batch=32).settings(model, 100) == {"rows": 2}
    assert make_sampler("forecasting").settings(model) == {"horizon": 2}
    assert make_sampler("forecasting", horizon=20).settings(model) == {"horizon": 3}
    found = make_sampler("forecasting_windowed", horizon=None, rows=9).settings(model)
    assert found == {"rows": 5, "horizon": 3}


def test_wrong_arguments():
    with pytest.raises(ValueError, match="guess is one of own"):
        Predictive(guess="best")
    with pytest.raises(ValueError, match="rows must be at least 1"):
        Predictive(rows=0)
    with pytest.raises(ValueError, match="no sampler 'fast'"):
        make_sampler("fast")


def test_window_rows():
    assert window_rows(28, 1) == window_rows(28, 32) == window_rows(28, None) == 2
    assert window_rows(28, 64) == 1
    assert window_rows(256, 1) == 18
    assert window_rows(8, 1) == 2
