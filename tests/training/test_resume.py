"""A run that was stopped, killed or split otherwise into calls ends in the same bits."""

import os
import shutil
import signal

import pytest

from glf.core import files
from glf.training import train as training
from glf.training.checkpoints import Checkpoints
from glf.training.interrupts import Interrupted
from glf.training.run_folder import RunFolder
from glf.training.watch import Watcher

# At which call of a method (counted from 1) a run is killed, and whether after it did its work.
MOMENTS = [
    (Watcher, "log", 1, True),  # before any checkpoint
    (Watcher, "log", 2, True),  # step 6: the checkpoint of step 4 is there
    (Watcher, "validate", 1, False),
    (Watcher, "draw", 1, True),
    (Watcher, "draw", 2, True),  # all done but the last checkpoint
    (Checkpoints, "save", 3, True),
    (Checkpoints, "mark_best", 1, False),
    (Checkpoints, "mark_best", 2, False),  # all done, but the best is not marked
    (Checkpoints, "mark_best", 2, True),  # and status.json not yet written
]


def observe(patch, owner, name, see):
    """Makes a method call `see(owner, name, number of the call, whether it is done)`."""
    method, calls = getattr(owner, name), []

    def patched(*args, **kwargs):
        calls.append(None)
        call = len(calls)
        see(owner, name, call, False)
        result = method(*args, **kwargs)
        see(owner, name, call, True)
        return result

    patch.setattr(owner, name, patched)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, digits, tiny):
    """The folder of a run that is never stopped, and {moment: what was in it then}, a folder.

    What is on the disk at a moment is all that a process leaves which is killed then.
    """
    place = tmp_path_factory.mktemp("whole")
    workdir, left = place / "run", {}

    def see(*moment):
        if moment in MOMENTS:
            left[moment] = shutil.copytree(workdir, place / f"left_{len(left)}")

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in {moment[:2] for moment in MOMENTS}:
            observe(patch, owner, name, see)
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
    return workdir, left


@pytest.fixture(scope="module")
def uninterrupted(whole, compare):
    return compare(whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: "-".join(map(str, m[1:])))
def test_a_killed_run_goes_on_to_the_same_bits(
    short_run, tmp_path, compare, whole, uninterrupted, moment
):
    shutil.copytree(whole[1][moment], tmp_path / "run")
    assert short_run()["finished"]
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


@pytest.mark.slow
def test_a_signal_at_the_last_step_ends_as_finished(short_run, monkeypatch):
    def signalled(watcher, state):
        if state.step == 12:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Watcher, "log", signalled)
    assert short_run()["finished"]
