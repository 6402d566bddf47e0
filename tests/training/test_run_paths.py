"""Where a run and its data lie: any name of a folder, and data that were moved."""

import os
import re

import numpy as np
import pytest
from PIL import Image

import glf.training.train as train
from glf import configurables
from glf.data.make import make_dataset
from glf.training.execution import Provenance
from glf.training.run_folder import RunFolder

CONFIG = """
train.make_model = @GLF
train.make_dataset = @make_dataset
make_dataset.source = "folder:photos"
"""


@pytest.mark.slow
def test_a_run_whose_folder_looks_like_a_pattern_goes_on(short_run, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(train.logging, "info", lambda text, *args: said.append(text % args))
    odd = tmp_path / "a[1]*\\b?"
    short_run(odd, num_steps=4, validate_every=0, pictures_every=0)
    assert short_run(odd, num_steps=8, validate_every=0, pictures_every=0)["step"] == 8
    logged = (odd / "logs" / "train.jsonl").read_text().splitlines()
    assert [line.split(",")[0] for line in logged] == [f'{{"step": {n}' for n in (3, 4, 6, 8)]
    assert list(odd.glob("summaries/events*"))
    # What takes so long at the start is said before and after.
    first = [line for line in said if line.startswith("Compiling the training step")]
    after = [
        re.match(r"First step after \d+ s, \d+ s to trace and \d+ s to compile it\.", line)
        for line in said
    ]
    assert len(first) == len(list(filter(None, after))) == 2


def test_a_home_is_no_folder_called_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RunFolder("~/runs/a").path == tmp_path / "runs" / "a"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory with 30 photos and a run of them, of which only the files matter."""
    monkeypatch.setattr(configurables, "make_model", lambda spec: None)
    monkeypatch.setattr(configurables, "restore_for_inference", lambda *_: 7)
    project = tmp_path / "project [1]"
    (project / "photos").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(30):
        pixels = generator.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).save(project / "photos" / f"{i}.png")
    monkeypatch.chdir(project)
    folder = RunFolder(project / "run")
    folder.write(Provenance(CONFIG), "float32")
    folder.write_spec(make_dataset("folder:photos"))
    yield project
    configurables.parse()


def first_image(**options):
    dataset = configurables.load_run(**options)[1]
    assert dataset.name == "folder:photos"
    return dataset.examples("train", slice(0, 1))["x"]


def test_relative_data_are_found_from_anywhere(project, tmp_path, monkeypatch):
    before = first_image(workdir="run")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(first_image(workdir=project / "run"), before)
    assert RunFolder(project / "run").read_place() == {"data_path": str(project / "photos")}


def test_data_that_were_moved(project, tmp_path, monkeypatch):
    before = first_image(workdir="run")
    (project / "photos").rename(tmp_path / "moved")
    with pytest.raises(ValueError, match=r"photos, which is not there any more.*--data_path"):
        first_image(workdir="run")
    found = first_image(workdir="run", data_path=tmp_path / "moved")
    np.testing.assert_array_equal(found, before)
    # Where the configuration's own path leads to the data again, it is taken.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "moved").rename(elsewhere / "photos")
    monkeypatch.chdir(elsewhere)
    np.testing.assert_array_equal(first_image(workdir=project / "run"), before)


def test_a_run_without_a_record_of_its_data(project):
    before = first_image(workdir="run")
    data = project / "run" / "data.json"
    data.write_text(data.read_text().replace('"place"', '"other"'))
    np.testing.assert_array_equal(first_image(workdir="run"), before)


def test_data_are_opened_where_the_model_wants_them(project):
    for wanted in (True, False):
        opened = configurables.load_run("run", with_data=lambda model, wanted=wanted: wanted)[1]
        assert (opened is not None) == wanted


def test_prepared_datasets_are_where_the_run_found_them(project, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(configurables, "make_dataset", lambda **place: asked.append(place))
    folder = RunFolder("run")
    monkeypatch.setattr(RunFolder, "read_place", lambda self: {"data_dir": str(tmp_path / "tfds")})
    os.mkdir(tmp_path / "tfds")
    configurables.load_run("run")
    configurables.load_run("run", data_dir="given")
    os.rmdir(tmp_path / "tfds")
    configurables.load_run("run")  # on another machine: the usual folder
    assert [place["data_dir"] for place in asked] == [str(tmp_path / "tfds"), "given", None]
    assert folder.path.is_dir()


@pytest.mark.parametrize("source", ["digits", "tfds:mnist", "two_moons"])
def test_a_path_for_data_without_one(source):
    with pytest.raises(ValueError, match="data_path='x' is for sources that name a path"):
        make_dataset(source, data_path="x")
