"""Weights that start from data: by the first batch, or by as many examples as are asked for."""

from functools import partial

import numpy as np
import pytest

from glf.bijectors import ActNorm, Chain
from glf.models.pixel_flow import PixelFlow
from glf.priors import Flow, StandardNormal
from glf.training import optimizers
from glf.training.restore import restore_for_inference
from glf.training.run_folder import RunFolder

NUM = 64
layers = partial(Chain, [partial(ActNorm, per_pixel=True)])
density = partial(Flow, layers, StandardNormal)


@pytest.fixture
def run(short_run, tmp_path):
    """Trains an act norm per pixel for four steps of one example; returns it."""

    def run(name, **changes):
        made = []

        def make_model(spec):
            made.append(PixelFlow(spec, make_density=density))
            return made[-1]

        options = {
            "make_model": make_model,
            "optimizers": {"flow": partial(optimizers.adam, 1e-9)},
            "batch_size": 1,
            "num_steps": 4,
            "checkpoint_every": 2,
            "log_every": 1,
            "validate_every": 0,
            "pictures_every": 0,
            "init_examples": NUM,
        }
        short_run(tmp_path / name, **{**options, **changes})
        return made[-1].density.bijector.bijectors[0]

    return run


def check(layer, dataset):
    """The layer normalises the first examples of the stream, up to what noise does."""
    assert float(layer.initialized.numpy()) == 1
    batch = next(iter(dataset.train_batches(NUM, 0)))["x"].numpy()
    pixels = (batch + 0.5) / dataset.spec.levels
    shift, log_scale = layer.shift.numpy(), layer.log_scale.numpy()
    # Uniform noise of one level has a deviation of 0.29 levels, its mean of 64 draws 0.036.
    np.testing.assert_allclose(-shift * np.exp(-log_scale), pixels.mean(0), atol=0.01)
    expected = np.sqrt(pixels.var(0) + 1 / 12 / dataset.spec.levels**2)
    np.testing.assert_allclose(np.exp(-log_scale), expected, atol=0.02)


@pytest.mark.slow
def test_more_examples_than_a_batch_and_the_same_bits_after_a_stop(run, digits, tmp_path, compare):
    layer = run("whole")
    check(layer, digits)
    run("parts", num_steps=2)
    run("parts")
    assert compare(tmp_path / "parts") == compare(tmp_path / "whole")


def test_the_moving_average_starts_there(run, digits, tmp_path):
    layer = run("average", num_steps=1, moving_average=0.999)
    shift = layer.shift.numpy()
    model = PixelFlow(digits.spec, make_density=density)
    restore_for_inference(model, 0.999, RunFolder(tmp_path / "average"))
    np.testing.assert_allclose(model.density.bijector.bijectors[0].shift.numpy(), shift, rtol=1e-5)


def test_replicas_initialise_together(run, digits):
    mirrored = {"strategy": "mirrored", "devices": ["CPU:0", "CPU:1"]}
    layer = run("two", batch_size=2, num_steps=1, execution=mirrored)
    check(layer, digits)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"init_examples": 0}, "train.init_examples must be an integer of at least 1"),
        ({"init_examples": 1351}, "more than the 1350 training examples"),
    ],
)
def test_refuses(run, wrong, said):
    with pytest.raises(ValueError, match=said):
        run("wrong", **wrong)
