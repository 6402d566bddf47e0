"""A run that starts from the weights of another."""

import json
import shutil

import numpy as np
import pytest

from glf.training import restore
from glf.training.checkpoints import Checkpoints
from glf.training.run_folder import RunFolder
from glf.training.watch import Watcher


class Killed(BaseException):
    """What ends a process at once."""


@pytest.fixture(scope="module")
def first(tmp_path_factory, digits, tiny):
    """A run of two checkpoints, the last of which has an average of its own."""
    from glf.training.train import train

    place = tmp_path_factory.mktemp("first") / "run"
    train(
        place,
        make_model=tiny,
        make_dataset=lambda data_dir=None: digits,
        num_steps=4,
        batch_size=8,
        checkpoint_every=2,
        validate_every=0,
        pictures_every=0,
        moving_average=0.9,
    )
    (place / "config.gin").write_text("")
    return place


def weights(tiny, digits, folder, average, which="latest"):
    model = tiny(digits.spec)
    restore.restore_for_inference(model, average, RunFolder(folder), which)
    return [weight.numpy() for weight in model.weights]


@pytest.fixture
def still(short_run):
    """A function that trains one step of rate 0 from another run."""
    from functools import partial

    import keras

    def run(workdir=None, **changes):
        optimizers = partial(keras.optimizers.SGD, 0.0)
        kept = {"validate_every": 0, "pictures_every": 0, "moving_average": None}
        return short_run(workdir, **{**kept, "num_steps": 1, "optimizers": optimizers, **changes})

    return run


@pytest.mark.parametrize("which", ["latest", 2])
def test_the_weights_are_the_averages_of_that_run(first, still, tiny, digits, tmp_path, which):
    still(initial_run=str(first), initial_checkpoint=which, moving_average=0.5)
    expected = weights(tiny, digits, first, 0.9, which)
    plain = weights(tiny, digits, first, None, which)
    found = weights(tiny, digits, tmp_path / "run", None)
    averaged = weights(tiny, digits, tmp_path / "run", 0.5)
    fresh = tiny(digits.spec).weights
    counters = 0
    for start, raw, new, mean, weight in zip(expected, plain, found, averaged, fresh, strict=True):
        if weight.path.endswith("seen"):
            counters += 1
            assert new == mean or new == start + 1
            continue
        np.testing.assert_array_equal(new, start)
        np.testing.assert_allclose(mean, start, rtol=1e-6)
        assert not np.array_equal(raw, start)
    assert counters == 1
    noted = json.loads((tmp_path / "run" / "initial.json").read_text())
    assert noted["run"] == str(first)
    assert noted["step"] == (4 if which == "latest" else which)


@pytest.mark.slow
def test_it_goes_on_without_that_run(first, short_run, compare, tmp_path, monkeypatch):
    kept = {"validate_every": 0, "pictures_every": 0, "checkpoint_every": 4}
    copy = shutil.copytree(first, tmp_path / "copy")
    whole = short_run(tmp_path / "whole", initial_run=str(copy), **kept)
    log, calls = Watcher.log, []

    def killed(self, state):
        log(self, state)
        calls.append(None)
        if len(calls) == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "log", killed)
        with pytest.raises(Killed):
            short_run(tmp_path / "cut", initial_run=str(copy), **kept)
    assert Checkpoints(tmp_path / "cut" / "checkpoints").steps() == [4]
    shutil.rmtree(copy)
    assert short_run(tmp_path / "cut", initial_run=str(copy), **kept) == whole
    assert compare(tmp_path / "cut") == compare(tmp_path / "whole")


def test_another_start_than_before_is_refused(first, still, tmp_path, monkeypatch):
    copy = shutil.copytree(first, tmp_path / "copy")

    def killed(self, state):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "log", killed)
        (tmp_path / "run" / "logs").mkdir(parents=True)
        (tmp_path / "run" / "config.gin").write_text("")
        (tmp_path / "run" / "run.json").write_text('{"precision": "float32"}')
        with pytest.raises(Killed):
            still(initial_run=str(copy), log_every=1)
    shutil.rmtree(copy / "checkpoints" / "step-00000004")
    with pytest.raises(ValueError, match="is not the one that this run began with"):
        still(initial_run=str(copy), log_every=1)


def test_what_it_cannot_start_from(first, still, tiny, tmp_path):
    for path, message in {
        tmp_path / "nowhere": "train.initial_run=.* is not the folder of a run",
        first / "config.gin": "train.initial_run=.* is a file",
    }.items():
        with pytest.raises(ValueError, match=message):
            still(initial_run=str(path))
    with pytest.raises(ValueError, match="has no checkpoint 7"):
        still(initial_run=str(first), initial_checkpoint=7)
    with pytest.raises(ValueError, match=r"(?s)weights of train.initial_run.*not those of this"):
        still(initial_run=str(first), make_model=lambda spec: tiny(spec, size=5))
    assert not (tmp_path / "run").exists()


def test_bindings_without_effect(still):
    with pytest.raises(ValueError, match=r"train.initial_checkpoint has no effect"):
        still(initial_checkpoint="best")
    with pytest.raises(ValueError, match=r"train.init_examples has no effect"):
        still(initial_run="a", init_examples=8)
