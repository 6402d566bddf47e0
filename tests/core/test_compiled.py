"""Programs that XLA compiled: offered whole, for this machine and purpose, or not at all."""

import os
import pathlib

import numpy as np
import pytest

from glf.core import cache, compiled


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GLF_CACHE", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    return tmp_path


def start(*purpose, compile_now=()):
    """A process: {name: bytes} that it is offered; writes `compile_now` as TensorFlow does."""
    offered = {}
    with compiled.offered(*purpose):
        for flag in os.environ.get("TF_XLA_FLAGS", "").split():
            place = pathlib.Path(flag.partition("=")[2])
            offered = {path.name: path.read_bytes() for path in place.iterdir()}
            for name, content in compile_now:
                (place / name).write_bytes(content)
    assert "TF_XLA_FLAGS" not in os.environ
    compiled.keep()
    compiled.keep(last=True)
    return offered


def test_what_one_process_compiled_is_offered_to_the_next():
    assert start("train", compile_now=[("a.pb", b"one"), ("b.pb.tmp", b"half")]) == {}
    assert start("train", compile_now=[("b.pb", b"two")]) == {"a.pb": b"one"}
    assert start("train") == {"a.pb": b"one", "b.pb": b"two"}
    assert start("sample") == {}


def test_another_machine_is_offered_nothing(monkeypatch):
    start("train", compile_now=[("a.pb", b"one")])
    monkeypatch.setattr(compiled, "_machine", lambda: ["another"])
    assert start("train") == {}


def test_what_is_damaged_is_not_offered(folder):
    start("train", compile_now=[("a.pb", bytes(1000))])
    (file,) = folder.glob("compiled-*.npz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-700] + b"x" + whole[-699:])
    assert start("train") == {}
    # Whole as a file, but not what was written.
    file.write_bytes(whole)
    stored = cache.read(file)
    cache.write(file, {**stored, "a.pb": np.ones(1000, np.uint8)})
    assert start("train") == {}


def test_the_oldest_go_where_it_is_too_much(monkeypatch):
    monkeypatch.setattr(compiled, "MOST_BYTES", 1500)
    start("train", compile_now=[("a.pb", bytes(1000))])
    start("train", compile_now=[("b.pb", bytes(1000))])
    assert list(start("train")) == ["b.pb"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TF_CONFIG", "{}"),
        ("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=elsewhere"),
        ("GLF_CACHE", "with a space"),
    ],
)
def test_it_stands_aside(folder, monkeypatch, name, value):
    monkeypatch.chdir(folder)
    monkeypatch.setenv(name, value)
    with compiled.offered("train"):
        assert os.environ.get(name) == value
        assert ".compiling" not in os.environ.get("TF_XLA_FLAGS", "")
    compiled.keep(last=True)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error(folder, monkeypatch, caplog):
    (folder / "file").write_text("no folder")
    monkeypatch.setenv("GLF_CACHE", str(folder / "file" / "below"))
    assert start("train") == {}
