"""Checkpoints: whole or absent, verified before they are trusted, kept by count."""

import contextlib
import os
import resource
import signal

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from glf.training.checkpoints import Checkpoints, read_manifest, restore


@pytest.fixture
def variable():
    return tf.Variable(np.arange(1000, dtype=np.float32))


@pytest.fixture
def checkpoint(variable):
    return tf.train.Checkpoint(value=variable)


@pytest.fixture
def three(tmp_path, checkpoint, variable):
    """Checkpoints of steps 10, 20 and 30, whose values begin with their steps."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=5)
    for step in (10, 20, 30):
        variable.assign_add(tf.fill([1000], float(step) - variable[0]))
        checkpoints.save(checkpoint, step, {"note": step})
    return checkpoints


@pytest.fixture
def warnings(monkeypatch):
    """What is warned of through absl."""
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *args: said.append(text % args))
    return said


def data_file(folder):
    return next(folder.glob("state.data*"))


def flip_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@contextlib.contextmanager
def largest_file(size):
    """Within the block no file can grow beyond `size` bytes, as on a full disk."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_saves_and_restores(three, checkpoint, variable):
    variable.assign(tf.zeros([1000]))
    manifest = restore(checkpoint, three.newest())
    assert manifest["step"] == 30
    assert manifest["extra"] == {"note": 30}
    np.testing.assert_array_equal(variable, np.arange(1000) + 30)
    restore(checkpoint, three.path(10))
    assert variable[0] == 10


@pytest.mark.parametrize("name", ["a[b]c", "a*", "what?", "back\\slash", "ü {a}, b"])
def test_any_name_of_a_folder_can_be_read_back(tmp_path, checkpoint, variable, name):
    """TensorFlow's own reader takes some of these for patterns."""
    here = os.getcwd()
    (tmp_path / "abc" / "step-00000007").mkdir(parents=True)  # what a pattern could match
    checkpoints = Checkpoints(tmp_path / name)
    variable.assign_add(tf.fill([1000], 5.0))
    checkpoints.save(checkpoint, 7)
    checkpoints.mark_best(7)
    for path in (checkpoints.newest(), checkpoints.best()):
        variable.assign(tf.zeros([1000]))
        assert restore(checkpoint, path)["step"] == 7
        np.testing.assert_array_equal(variable, np.arange(1000) + 5)
    assert restore(tf.train.Checkpoint(), path, partial=True)["step"] == 7
    assert os.getcwd() == here


def test_a_new_folder_has_no_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path / "none")
    assert checkpoints.steps() == []
    assert checkpoints.newest() is None
    assert checkpoints.best() is None
    assert not (tmp_path / "none").exists()


def test_keeps_the_newest_by_count(tmp_path, checkpoint):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (1, 2, 3, 100_000_000, 999_999_999):
        checkpoints.save(checkpoint, step)
    assert checkpoints.steps() == [100_000_000, 999_999_999]
    assert sorted(os.listdir(tmp_path)) == ["step-100000000", "step-999999999"]


@pytest.mark.parametrize("keep", [0, -1])
def test_at_least_one_is_kept(tmp_path, keep):
    with pytest.raises(ValueError, match=f"at least 1, got {keep}"):
        Checkpoints(tmp_path, keep=keep)


def test_the_best_is_kept_besides_and_survives(tmp_path, checkpoint, variable):
    checkpoints = Checkpoints(tmp_path, keep=1)
    for step in (1, 2, 3, 4):
        variable.assign(tf.fill([1000], float(step)))
        checkpoints.save(checkpoint, step)
        if step in (1, 2):
            checkpoints.mark_best(step)
    assert checkpoints.steps() == [4]
    assert checkpoints.problem(checkpoints.best()) is None
    assert restore(checkpoint, checkpoints.best())["step"] == 2
    assert variable[0] == 2


def test_the_best_outlives_a_kill_between_two_renames(three, checkpoint):
    three.mark_best(10)
    best = three.folder / "best"
    best.rename(three.folder / ".old-1234")
    assert read_manifest(three.best())["step"] == 10
    three.save(checkpoint, 40)
    assert three.best() == best
    assert read_manifest(best)["step"] == 10
    assert not list(three.folder.glob(".*"))


def test_half_written_folders_are_swept(three, checkpoint):
    three.mark_best(20)
    for litter in (".writing-abc", ".old-abc"):
        (three.folder / litter).mkdir()
        (three.folder / litter / "state.index").write_bytes(b"half")
    assert three.steps() == [10, 20, 30]
    three.save(checkpoint, 40)
    assert sorted(os.listdir(three.folder)) == ["best"] + [f"step-000000{n}0" for n in "1234"]


def truncate(path):
    os.truncate(data_file(path), 100)


def flip(path):
    flip_byte(data_file(path))


def remove_index(path):
    (path / "state.index").unlink()


def remove_manifest(path):
    (path / "manifest.json").unlink()


def tear_manifest(path):
    os.truncate(path / "manifest.json", 30)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncate, "has 100 bytes instead of"),
        (flip, "has changed since it was written"),
        (remove_index, "state.index is missing"),
        (remove_manifest, "manifest cannot be read"),
        (tear_manifest, "manifest cannot be read"),
    ],
)
def test_a_damaged_one_is_passed_over_and_said_so(three, warnings, damage, said):
    damage(three.path(30))
    assert three.newest() == three.path(20)
    assert len(warnings) == 1
    assert said in warnings[0]
    assert "step 30" in warnings[0]
    three.drop_after(20)
    assert three.steps() == [10, 20]


def test_all_damaged(three, warnings):
    for step in three.steps():
        flip_byte(data_file(three.path(step)))
    assert three.newest() is None
    assert len(warnings) == 3


def test_a_full_disk_loses_nothing_and_leaves_no_litter(three, checkpoint, variable):
    before = sorted(os.listdir(three.folder))
    with (
        largest_file(2000),
        pytest.raises(OSError, match=r"step 40 .*step 30 is intact\. Free some space") as raised,
    ):
        three.save(checkpoint, 40)
    assert "\n" not in str(raised.value)
    assert sorted(os.listdir(three.folder)) == before
    assert restore(checkpoint, three.newest())["step"] == 30
    three.save(checkpoint, 40)
    assert three.newest() == three.path(40)


def test_a_full_disk_at_the_first_checkpoint(tmp_path, checkpoint):
    checkpoints = Checkpoints(tmp_path / "new")
    with largest_file(100), pytest.raises(OSError, match="No earlier checkpoint exists"):
        checkpoints.save(checkpoint, 5)
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize(
    "other",
    [
        lambda: {"value": tf.Variable(tf.zeros([7]))},
        lambda: {"another": tf.Variable(tf.zeros([1000]))},
        lambda: {"value": tf.Variable(tf.zeros([1000])), "more": tf.Variable(1.0)},
    ],
    ids=["shape", "name", "more"],
)
def test_a_checkpoint_of_another_model_is_refused(three, other):
    with pytest.raises(ValueError, match="does not fit this model"):
        restore(tf.train.Checkpoint(**other()), three.newest())
