"""A run that was stopped, killed or split otherwise into calls ends in the same bits."""

import os
import signal

import pytest

from glf.core import files
from glf.training import train as training
from glf.training.checkpoints import Checkpoints
from glf.training.interrupts import Interrupted
from glf.training.run_folder import RunFolder
from glf.training.watch import Watcher


class Killed(Exception):
    """Stands for a process that ends without a chance to save anything."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, digits, compare, tiny):
    workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
    training.train(
        workdir,
        make_model=tiny,
        make_dataset=lambda data_dir=None: digits,
        num_steps=12,
        batch_size=8,
        log_every=3,
        checkpoint_every=4,
        validate_every=6,
        pictures_every=6,
        num_pictures=4,
        moving_average=0.9,
    )
    return compare(workdir)


def raise_at(monkeypatch, owner, name, call, error=Killed, after=False):
    """Makes the given call (counted from 1) of a method raise, before or after it does its work."""
    method, calls = getattr(owner, name), []

    def patched(*args, **kwargs):
        calls.append(None)
        if len(calls) == call and not after:
            raise error
        result = method(*args, **kwargs)
        if len(calls) == call:
            raise error
        return result

    monkeypatch.setattr(owner, name, patched)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("owner", "name", "call", "after"),
    [
        (Watcher, "log", 2, True),  # step 6: the checkpoint of step 4 is there
        (Checkpoints, "mark_best", 2, False),  # all done, but the best is not marked
        (Checkpoints, "mark_best", 2, True),  # and status.json not yet written
        slow(Watcher, "log", 1, True),  # before any checkpoint
        slow(Watcher, "validate", 1, False),
        slow(Watcher, "draw", 1, True),
        slow(Watcher, "draw", 2, True),  # all done but the last checkpoint
        slow(Checkpoints, "mark_best", 1, False),
        slow(Checkpoints, "save", 3, True),
    ],
)
def test_a_killed_run_goes_on_to_the_same_bits(
    short_run, tmp_path, monkeypatch, compare, uninterrupted, owner, name, call, after
):
    with monkeypatch.context() as patch:
        raise_at(patch, owner, name, call, after=after)
        with pytest.raises(Killed):
            short_run()
    short_run()
    assert compare(tmp_path / "run") == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_calls_of_other_sizes_give_the_same_bits(
    short_run, tmp_path, compare, uninterrupted, steps
):
    short_run(max_steps_per_call=steps)
    assert compare(tmp_path / "run") == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize(
    "signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_writes_a_checkpoint_and_raises(
    short_run, tmp_path, monkeypatch, compare, uninterrupted, signum
):
    before = signal.getsignal(signum)
    log = Watcher.log

    def signalled(watcher, state):
        log(watcher, state)
        os.kill(os.getpid(), signum)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "log", signalled)
        with pytest.raises(Interrupted, match=r"step 3;.*same command") as stopped:
            short_run()
    assert stopped.value.signum == signum
    assert signal.getsignal(signum) == before
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [3]
    assert '"step": 3' in (tmp_path / "run" / "status.json").read_text()
    folder = RunFolder(tmp_path / "run")
    files.write_json(folder.training, {"step": 3, "seconds": 1e6})
    assert short_run()["finished"]
    assert compare(tmp_path / "run") == uninterrupted
    assert folder.read_seconds() > 1e6


def test_a_signal_at_the_last_step_ends_as_finished(short_run, monkeypatch):
    def signalled(watcher, state):
        if state.step == 12:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Watcher, "log", signalled)
    assert short_run()["finished"]
