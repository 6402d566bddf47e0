"""Arrays that are kept for the next time, and lines that say how far long work is."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from absl import logging

from glf.core import cache
from glf.core.progress import Progress


def test_a_damaged_file_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GLF_CACHE", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(3)}

    for _ in range(2):
        np.testing.assert_array_equal(cache.arrays("some", cache.digest("x"), make)["a"], [0, 1, 2])
    assert len(made) == 1
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:50])
    np.testing.assert_array_equal(cache.arrays("some", cache.digest("x"), make)["a"], [0, 1, 2])
    assert len(made) == 2
    assert {path.name for path in tmp_path.iterdir()} == {file.name, ".some.lock"}


def test_those_who_want_the_same_make_it_once(tmp_path, monkeypatch):
    """A lock of a file opened twice holds between threads as between processes."""
    monkeypatch.setenv("GLF_CACHE", str(tmp_path))
    made = []

    def make():
        made.append(1)
        time.sleep(0.2)
        return {"a": np.array(len(made))}

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: cache.arrays("some", "key", make)["a"], range(3)))
    assert found == [1, 1, 1]
    assert made == [1]


def test_where_nothing_can_be_kept_it_is_made_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GLF_CACHE", str(tmp_path / "file" / "below"))
    assert cache.arrays("some", "key", lambda: {"a": np.ones(1)})["a"] == 1


def test_digests_tell_values_types_and_shapes_apart():
    array = np.arange(6, dtype=np.int32)
    others = [array, array.reshape(2, 3), array.astype(np.int64), array + 1, [0, 1], {"a": 1}]
    assert len({cache.digest(other) for other in others}) == len(others)


def test_the_folder(monkeypatch):
    monkeypatch.setenv("GLF_CACHE", "~/elsewhere")
    assert cache.folder().name == "elsewhere"
    monkeypatch.delenv("GLF_CACHE")
    assert cache.folder().parts[-2:] == (".cache", "glf")


def test_progress_is_said_now_and_then(monkeypatch):
    said = []
    monkeypatch.setattr(logging, "info", lambda text, *values: said.append(text % values))
    progress = Progress("Samples", 9)
    progress.at(3)
    assert said == []
    monkeypatch.setattr(progress, "every", 0.0)
    progress.at(4)
    assert said == ["Samples: 4 of 9"]


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("GLF_CACHE", str(tmp_path))
    monkeypatch.setenv("GLF_CACHE_GIB", str(2500 / 2**30))

    def names():
        return {path.stem for path in tmp_path.glob("*.npz")}

    def make(key, size=900):
        cache.arrays("some", key, lambda: {"a": np.zeros(size, np.uint8)})
        os.utime(tmp_path / f"some-{key}.npz", (len(names()), len(names())))

    stale = tmp_path / ".writing-x.npz"
    stale.touch()
    os.utime(stale, (0, 0))
    make("first")
    make("second")
    assert not stale.exists()
    cache.arrays("some", "first", lambda: pytest.fail("it is there"))  # which is a use of it
    make("third")
    assert names() == {"some-first", "some-third"}
    make("large", 5000)
    assert names() == {"some-large"}


@pytest.mark.parametrize("given", ["much", "-1", "nan"])
def test_a_size_that_is_none_is_refused(monkeypatch, given):
    monkeypatch.setenv("GLF_CACHE_GIB", given)
    with pytest.raises(ValueError, match="GLF_CACHE_GIB"):
        cache.most_bytes()
