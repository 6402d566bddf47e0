"""A model that compiles in a moment, and short runs of it."""

import hashlib
import json
import pathlib

import keras
import pytest
import tensorflow as tf

from glf.core import random
from glf.models.abilities import Reconstructs
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_images
from glf.training.checkpoints import Checkpoints
from glf.training.execution import Execution, Provenance
from glf.training.experiment import Experiment
from glf.training.train import run_experiment


class Tiny(GenerativeModel, Reconstructs):
    """A linear autoencoder of noisy codes, with a counter of training steps as a fixed weight."""

    def __init__(self, spec, *, noise=0.1, not_finite_at=None, size=4):
        super().__init__(spec)
        pixels = spec.shape[0] * spec.shape[1] * spec.shape[2]
        self.noise, self.not_finite_at, self.size = noise, not_finite_at, size
        self.encoder = keras.layers.Dense(size)
        self.encoder.build((None, pixels))
        self.decoder = keras.layers.Dense(pixels)
        self.decoder.build((None, size))
        self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)
        self.built = True

    def _flat(self, x):
        return tf.reshape(self.to_unit(x), [tf.shape(x)[0], self.encoder.kernel.shape[0]])

    def _image(self, z):
        return tf.reshape(tf.sigmoid(self.decoder(z)), [-1, *self.spec.shape])

    def _loss_terms(self, x, seed, training, condition):
        z = self.encoder(self._flat(x))
        size = 0.5 * tf.reduce_sum(z**2, 1)
        z += self.noise * random.normal(tf.shape(z), random.fold(seed, "noise"))
        error = tf.reduce_sum((self._image(z) - self.to_unit(x)) ** 2, [1, 2, 3])
        if training:
            self.seen.assign_add(1.0)
            if self.not_finite_at is not None:
                size *= tf.where(self.seen >= self.not_finite_at, float("nan"), 1.0)
        return {"loss": error + 0.01 * size, "error": error, "size": size}

    def _draw(self, num, seed, temperature, condition):
        y = self._image(temperature * random.normal([num, self.size], seed))
        return drawn_images(y, self.spec.levels)

    def _reconstruct(self, x, condition):
        return self._image(self.encoder(self._flat(x)))

    def parameter_groups(self):
        return {
            "encoder": self.encoder.trainable_weights,
            "decoder": self.decoder.trainable_weights,
        }


@pytest.fixture(scope="session")
def tiny():
    """The class of the tiny model."""
    return Tiny


@pytest.fixture
def short_run(tmp_path, digits):
    """A function that trains the tiny model for 12 steps, in tmp_path/run unless told."""

    def run(workdir=None, execution=None, config="", **changes):
        arguments = {
            "make_model": Tiny,
            "make_dataset": lambda data_dir=None: digits,
            "num_steps": 12,
            "batch_size": 8,
            "log_every": 3,
            "checkpoint_every": 4,
            "validate_every": 6,
            "pictures_every": 6,
            "num_pictures": 4,
            "moving_average": 0.9,
        }
        return run_experiment(
            workdir or tmp_path / "run",
            Experiment(**{**arguments, **changes}),
            Execution(**execution or {}),
            Provenance(config),
        )

    return run


def state_of(path):
    """{name: value} of all that the checkpoint in folder `path` holds."""
    reader = tf.train.load_checkpoint(str(path / "state"))
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    values = {name: reader.get_tensor(name) for name in names}
    state = {name: (v.dtype.name, v.shape, v.tobytes()) for name, v in values.items()}
    manifest = json.loads((path / "manifest.json").read_text())
    return {**state, "step": manifest["step"], "extra": manifest["extra"]}


def everything(workdir):
    """What must be equal of two runs: weights, slots, counters, logs, status and pictures."""
    workdir = pathlib.Path(workdir)
    checkpoints = Checkpoints(workdir / "checkpoints")
    found = {"steps": checkpoints.steps(), "newest": state_of(checkpoints.newest())}
    best = workdir / "checkpoints" / "best"
    found["best"] = state_of(best) if best.exists() else None
    for pattern in ("logs/*", "pictures/*", "status.json"):
        for file in sorted(workdir.glob(pattern)):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            found[str(file.relative_to(workdir))] = digest
    return found


@pytest.fixture(scope="session")
def compare():
    """`everything`: all of a run that must not depend on how it was executed."""
    return everything


@pytest.fixture
def stopped_run(monkeypatch, short_run):
    """`short_run`, ended without a chance to save anything when it has written its third log."""
    from glf.training.watch import Watcher

    log, calls = Watcher.log, []

    def stopped(*args):
        log(*args)
        calls.append(None)
        if len(calls) == 3:  # after step 9: the checkpoint of step 8 is there
            raise InterruptedError

    def run(**options):
        with monkeypatch.context() as patch:
            patch.setattr(Watcher, "log", stopped)
            with pytest.raises(InterruptedError):
                short_run(**options)

    return run
