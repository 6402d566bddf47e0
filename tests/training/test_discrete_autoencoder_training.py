"""The discrete autoencoder in the loop: one part after the other, replicas, the same bits."""

import os
import pathlib
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from glf.autoregressive import AutoregressiveModel, PixelCNN
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.quantizers import VectorQuantizer
from glf.networks.spatial_autoencoder import SpatialAutoencoder
from glf.training import optimizers
from glf.training.execution import Execution
from glf.training.restore import restore_for_inference
from glf.training.run_folder import RunFolder
from glf.training.train import train

QUIET = {"validate_every": 0, "pictures_every": 0, "moving_average": None}
SIZES = {"filters": 4, "blocks": 1, "downsamplings": 2}


def make(spec, **quantizer):
    return DiscreteAutoencoder(
        spec,
        make_quantizer=partial(VectorQuantizer, categories=6, size=3, decay=0.8, **quantizer),
        make_autoencoder=partial(SpatialAutoencoder, **SIZES),
        make_prior=partial(
            AutoregressiveModel, make_network=partial(PixelCNN, filters=4, blocks=0, head=4)
        ),
    )


def values(digits, folder, step):
    """The weights of a checkpoint: (autoencoder's, codebook's, prior's)."""
    model = make(digits.spec, freeze_after=4)
    restore_for_inference(model, None, RunFolder(folder), str(step))
    groups = model.parameter_groups()
    parts = (groups["autoencoder"], model.quantizer.non_trainable_weights[:3], groups["prior"])
    return [np.concatenate([w.numpy().ravel() for w in part]) for part in parts]


@pytest.mark.slow
def test_one_after_the_other(short_run, tmp_path, digits):
    chosen = {
        "autoencoder": partial(optimizers.adam, make_schedule=partial(optimizers.until, step=4)),
        "prior": partial(optimizers.adam, make_schedule=partial(optimizers.starting_at, step=4)),
    }
    options = {**QUIET, "optimizers": chosen, "make_model": partial(make, freeze_after=4)}
    short_run(**options, num_steps=6, checkpoint_every=2, keep_checkpoints=9)
    at = {step: values(digits, tmp_path / "run", step) for step in (2, 4, 6)}
    for part, learns_first in enumerate([True, True, False]):
        assert np.array_equal(at[2][part], at[4][part]) != learns_first
        assert np.array_equal(at[4][part], at[6][part]) == learns_first


@pytest.mark.slow
def test_the_same_bits_after_a_stop(short_run, tmp_path, compare):
    options = {**QUIET, "make_model": partial(make, reseed_below=0.5)}
    short_run(tmp_path / "at once", **options, num_steps=6)
    short_run(**options, num_steps=3)
    short_run(**options, num_steps=6)
    assert compare(tmp_path / "at once")["newest"] == compare(tmp_path / "run")["newest"]


# In a process of its own: TensorFlow remembers the shapes that replicas exchange, by numbers that
# start anew with each strategy, so that strategies of different models cannot share a process.
TWO_REPLICAS = """
import sys

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from tests.training.test_discrete_autoencoder_training import train_on

train_on(sys.argv[1], strategy="mirrored", devices=["CPU:0", "CPU:1"])
"""


def train_on(folder, **execution):
    """Trains four steps, of which three move the codebook; the states of it, on each replica."""
    made = []

    def make_model(spec):
        made.append(make(spec, freeze_after=3))
        return made[-1]

    train(
        os.path.join(folder, "run"),
        **QUIET,
        make_model=make_model,
        num_steps=4,
        batch_size=8,
        execution=Execution(**execution),
    )
    for i, weight in enumerate(made[0].quantizer.weights):
        np.save(os.path.join(folder, f"{i}.npy"), [v.numpy() for v in replicas_of(weight.value)])


def replicas_of(variable):
    return getattr(variable, "values", (variable,))


@pytest.mark.slow
def test_replicas_share_one_codebook(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    train_on(tmp_path / "one")
    done = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, tmp_path / "two"],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for i in range(4):
        (one,) = np.load(tmp_path / "one" / f"{i}.npy")
        first, second = np.load(tmp_path / "two" / f"{i}.npy")
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(one, first, rtol=1e-4, atol=1e-5)
