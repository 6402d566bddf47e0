"""Files that are whole or absent."""

import errno
import json
import os
import pathlib
import stat
import tempfile

import pytest

from glf.core import files


def test_writes_text_and_json_into_new_folders(tmp_path):
    files.write_text(tmp_path / "a" / "b.txt", "ünï\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "ünï\n"
    files.write_json(tmp_path / "a" / "c.json", {"z": [1, None], "a": 2.5})
    text = (tmp_path / "a" / "c.json").read_text()
    assert json.loads(text) == {"z": [1, None], "a": 2.5}
    assert text.index("z") < text.index('"a"')
    assert sorted(os.listdir(tmp_path / "a")) == ["b.txt", "c.json"]


@pytest.mark.parametrize("before", [None, "old"])
def test_a_failing_writer_changes_nothing_and_leaves_no_litter(tmp_path, before):
    path = tmp_path / "file.txt"
    if before is not None:
        path.write_text(before)

    def write():
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        write()
    assert os.listdir(tmp_path) == ([] if before is None else ["file.txt"])
    assert before is None or path.read_text() == before


def test_the_target_stays_as_it_was_until_the_block_ends(tmp_path):
    path = tmp_path / "file.png"
    path.write_text("old")
    with files.atomic_path(path) as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == path.parent
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_mode_is_kept_and_a_new_file_follows_the_umask(tmp_path):
    old = tmp_path / "old"
    old.write_text("x")
    old.chmod(0o640)
    files.write_text(old, "y")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "new", "y")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_writer_that_replaces_the_temporary_file_is_served(tmp_path):
    with files.atomic_path(tmp_path / "x") as temporary:
        temporary.unlink()
        temporary.write_text("again")
    assert (tmp_path / "x").read_text() == "again"


def test_a_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.expanded("~/runs/a") == tmp_path / "runs" / "a"
    assert files.expanded("a/~/b") == pathlib.Path("a/~/b")
    files.write_text("~/a.txt", "x")
    assert (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(("path", "said"), [("", "is empty"), ("~no.such.user/a", "not there")])
def test_paths_that_are_none(path, said):
    with pytest.raises(ValueError, match=said):
        files.expanded(path)


@pytest.mark.parametrize("name", ["a[b]", "[", "]", "a*", "a?b", "a\\b"])
def test_a_pattern_is_read_through_a_link(tmp_path, name, monkeypatch):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert files.is_pattern(name)
    with files.literal(name) as path:
        assert not files.is_pattern(path)
        assert (path / "file").read_text() == "x"
    assert not path.exists()
    assert folder.is_dir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with pytest.raises(ValueError, match="Set TMPDIR"), files.literal(name):
        pass


def test_a_plain_path_is_itself(tmp_path):
    with files.literal(tmp_path / "ü {a}, ~") as path:
        assert path == tmp_path / "ü {a}, ~"


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_is_named_with_the_file(tmp_path, there):
    path = tmp_path / "a.npz"
    if there:
        path.write_text("before")

    def write():
        with files.atomic_path(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"Could not write .*a\.npz: No space left on dev") as raised:
        write()
    assert raised.value.errno == errno.ENOSPC
    assert "Free some space" in str(raised.value)
    assert ("What was there before is untouched" in str(raised.value)) == there
    assert os.listdir(tmp_path) == (["a.npz"] if there else [])


def test_an_error_of_another_file_stays_what_it_is(tmp_path):
    def write():
        with files.atomic_path(tmp_path / "a.npz"):
            (tmp_path / "elsewhere" / "b").read_text()

    with pytest.raises(FileNotFoundError, match=r"elsewhere/b'$"):
        write()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "Read-only file system"),
        (ValueError("/a/b.data; No space left on device [Op:SaveV2]"), "No space left on device"),
        (ValueError("first\nsecond"), "first"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_in_the_systems_words(error, why):
    assert files.reason(error) == why
