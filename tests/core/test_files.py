"""Files that are whole or absent."""

import json
import os
import stat

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
