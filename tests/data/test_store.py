import errno
import os
import shutil
import types

import numpy as np
import pytest

from glf.data import store

IMAGES = np.arange(7 * 12, dtype=np.uint8).reshape(7, 2, 2, 3)


class Decoder:
    def __init__(self, skip=(), fail=False):
        self.calls, self.skip, self.fail = 0, skip, fail

    def __call__(self):
        self.calls += 1
        kept = [i for i in range(7) if i not in self.skip]
        for start in range(0, len(kept), 3):
            rows = kept[start : start + 3]
            yield IMAGES[rows], np.array(rows) + 10
            if self.fail:
                raise KeyboardInterrupt


def _collect(decoder, tmp_path, key="a", budget=0):
    kept = store.Store(budget, tmp_path / "cache")
    return kept.collect("it", decoder, 7, (2, 2, 3), [key])


@pytest.mark.parametrize("budget", [0, 84])
@pytest.mark.parametrize("skip", [(), (2, 6), range(7)])
def test_all_images_in_order(tmp_path, budget, skip):
    kept = [i for i in range(7) if i not in skip]
    images, numbers = _collect(Decoder(skip), tmp_path, budget=budget)
    np.testing.assert_array_equal(images, IMAGES[kept])
    np.testing.assert_array_equal(numbers, np.array(kept, int) + 10)
    if kept:
        assert isinstance(images, np.memmap) == (budget == 0)
    assert (tmp_path / "cache").exists() == (budget == 0)


def test_cache_is_found_again(tmp_path):
    decoder = Decoder(skip=(1,))
    first = _collect(decoder, tmp_path)
    second = _collect(decoder, tmp_path)
    assert decoder.calls == 1
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    _collect(decoder, tmp_path, key="b")
    assert decoder.calls == 2


def test_interrupted_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _collect(Decoder(fail=True), tmp_path)
    assert not list((tmp_path / "cache").iterdir())
    images, _ = _collect(Decoder(), tmp_path)
    np.testing.assert_array_equal(images, IMAGES)


def test_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=83))
    with pytest.raises(ValueError, match="give another cache_dir"):
        _collect(Decoder(), tmp_path)


def test_default_cache_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.default_cache_dir() == tmp_path / "glf"


def test_a_disk_that_fills_up_is_an_error_and_not_a_crash(tmp_path, monkeypatch):
    """A mapped page without room for it would end the process, so all room is taken first."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    decoder = Decoder()
    with pytest.raises(OSError, match=r"Could not write .*\.npy: No space left on device"):
        _collect(decoder, tmp_path)
    assert decoder.calls == 0
    assert list((tmp_path / "cache").iterdir()) == []
