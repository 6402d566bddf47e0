"""The round trip of flows: what evaluation says of those that come back, and of others."""

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.base import Bijector, same_for_all
from glf.data.dataset import DataSpec
from glf.evaluation.base import Subject
from glf.evaluation.round_trip import RoundTrip
from glf.models.pixel_flow import PixelFlow
from glf.models.registry import MODELS
from glf.priors import FactoredOut, Flow, StandardLogistic

SPEC = DataSpec((2, 2, 2), 8, None)


class Images:
    """All that the metrics ask of a dataset."""

    def __init__(self, spec=SPEC, num=300):
        generator = np.random.default_rng(0)
        self.batch = {
            "x": generator.integers(0, spec.levels, (num, *spec.shape)).astype(np.uint8),
            "label": np.arange(num) % 3,
        }

    def examples(self, split, rows):
        assert split == "test"
        return {name: values[rows] for name, values in self.batch.items()}


class Off(Bijector):
    """Comes back with `shift` too much."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def _inverse(self, y, condition, training):
        return y, same_for_all(0.0, y)

    def _forward(self, u, condition, training):
        return u + self.shift, same_for_all(0.0, u)


def flow(shift):
    return Flow(lambda: Off(shift), StandardLogistic)


def values_of(make_density):
    metrics = RoundTrip().measure(Subject(PixelFlow(SPEC, make_density=make_density), Images()))
    assert all("images of 256 examples" in found["meaning"] for found in metrics.values())
    return [metrics[f"round_trip_{name}"]["value"] for name in ("largest", "mean", "recovered")]


def test_a_flow_that_comes_back():
    largest, mean, recovered = values_of(lambda: flow(0.0))
    assert mean <= largest < 1e-5
    assert recovered == 1


def test_a_flow_that_is_a_level_off():
    largest, mean, recovered = values_of(lambda: flow(1 / 8))
    assert largest == pytest.approx(1, abs=1e-5)
    assert mean == pytest.approx(1, abs=1e-5)
    # The highest level stays what it is.
    assert recovered == pytest.approx(1 / 8, abs=0.03)


def test_a_flow_that_gives_no_numbers():
    assert values_of(lambda: flow(np.nan)) == [np.inf, np.inf, 0.0]


def test_the_second_scale_counts():
    factored = FactoredOut(StandardLogistic, lambda: flow(1 / 8))
    largest, mean, _ = values_of(lambda: Flow(lambda: Off(0.0), lambda: factored))
    assert largest == pytest.approx(1, abs=1e-5)
    assert mean == pytest.approx(0.5, abs=1e-5)  # one of two channels goes out before


def test_a_conditional_flow():
    """Each example goes through with its own condition."""
    spec, make = MODELS["pixel_flow_labels"]
    model = make(spec)
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * tf.random.stateless_normal(weight.shape, (0, 1)))
    found = RoundTrip().measure(Subject(model, Images(spec, 9)))
    assert found["round_trip_largest"]["value"] < 1e-2
    assert found["round_trip_recovered"]["value"] > 0.99
