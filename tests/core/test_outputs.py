"""What is to be written is checked before there is anything to write."""

import os

import pytest

from glf.core import outputs

IMAGES = (".png", ".npz", outputs.NEW_FOLDER)


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("new.png", IMAGES),
        ("a/b/new.npz", IMAGES),
        ("new", IMAGES),
        ("folder.png", (outputs.FOLDER,)),
        ("full", (outputs.FOLDER,)),
        ("v1.2", (outputs.FOLDER,)),
        ("file.json", (".json",)),
    ],
)
def test_what_can_be_written(place, path, kinds):
    before = sorted(os.listdir(place))
    outputs.require_output(path, kinds)
    assert sorted(os.listdir(place)) == before


@pytest.mark.parametrize(
    ("path", "kinds", "said"),
    [
        ("x.jpg", IMAGES, r"x\.jpg: expected a \.png file, an \.npz file, or a folder"),
        ("x.jpg", (".png",), r"x\.jpg: expected a \.png file\."),
        ("x", (".json",), r"x: expected a \.json file"),
        ("folder.png", IMAGES, r"is a folder; give the name of a file"),
        ("file", IMAGES, "is a file; give the name of a folder"),
        ("file", (outputs.FOLDER,), "is a file; give the name of a folder"),
        ("full", IMAGES, "is a folder and not empty"),
        ("file/a.png", IMAGES, "file is a file, not a folder"),
        ("", IMAGES, "is empty"),
    ],
)
def test_what_cannot(place, path, kinds, said):
    with pytest.raises(ValueError, match=said):
        outputs.require_output(path, kinds)


def test_a_folder_that_cannot_be_written(place, monkeypatch):
    # The superuser may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ValueError, match=rf"--to=new/x\.png cannot be written: {place} is read-"):
        outputs.require_output("new/x.png", IMAGES, "--to")
    with pytest.raises(ValueError, match="is read-only for you"):
        outputs.require_own_folder("new", "mark", "export")


def test_a_folder_to_be_replaced(place):
    outputs.require_own_folder("new/export", "mark", "export")
    with pytest.raises(ValueError, match="full exists and is not an earlier export"):
        outputs.require_own_folder("full", "mark", "export")
    (place / "full" / "mark").touch()
    outputs.require_own_folder("full", "mark", "export")
