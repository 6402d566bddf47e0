"""What makes another experiment, and data that changed under a run."""

import json

import numpy as np
import pytest
from absl import logging
from PIL import Image

from glf import configurables
from glf.training.execution import Execution


@pytest.fixture
def train(tiny, tmp_path):
    """A function that trains in tmp_path/run with further bindings."""

    def run(*bindings, steps=1, path=tmp_path / "images.npy", kind="array"):
        source = [f'make_dataset.source = "{kind}:{path}"', f"train.num_steps = {steps}"]
        configurables.parse(gin_params=[*tiny, *source, *bindings])
        return configurables.train(tmp_path / "run", Execution(jit=False))

    return run


def images(count=40, side=4, largest=16):
    pixels = np.random.default_rng(0).integers(0, largest + 1, (count, side, side), np.uint8)
    pixels[0, 0, 0] = largest
    return pixels


def test_only_what_changes_the_result_makes_another_experiment(train, tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", images())
    train()
    same = ("train.log_every = 7", "train.checkpoint_every = 9", "train.keep_checkpoints = 2")
    same += ("train.num_pictures = 5", "train.max_steps_per_call = 3")
    same += ("make_dataset.memory_budget = 0", "train.optimizers = @adam")
    monkeypatch.chdir(tmp_path)
    assert train(*same, steps=2, path="images.npy")["step"] == 2
    assert "train.num_steps = 2" in (tmp_path / "run" / "config.gin").read_text()
    for other in ("train.patience = 3", "train.seed = 1", "adam.beta_1 = 0.8"):
        with pytest.raises(ValueError, match="holds another experiment") as raised:
            train(other)
        assert other in str(raised.value)
    assert "train.num_steps = 2" in (tmp_path / "run" / "config.gin").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (images(side=5), "image_shape: [4, 4, 1] before, [5, 5, 1] now"),
        (images(largest=255), "levels: 17 before, 256 now"),
        (images(count=70), "train examples: 33 before"),
        (images()[::-1], "values are not those"),
    ],
)
def test_a_run_does_not_go_on_with_other_data(train, tmp_path, changed, said):
    path, workdir = tmp_path / "images.npy", tmp_path / "run"
    np.save(path, images())
    train()
    before = {f: (workdir / f).read_bytes() for f in ("data.json", "config.gin", "run.json")}
    np.save(path, changed)
    with pytest.raises(ValueError, match="are not those that the run") as raised:
        train(steps=2)
    assert said in str(raised.value)
    assert "train in a new workdir" in str(raised.value)
    assert before == {f: (workdir / f).read_bytes() for f in before}
    assert configurables.load_run(workdir, with_data=False)[2] == 1


def write(folder, numbers):
    """PNG files of 4 x 4 pixels, in subfolders of two classes."""
    for i in numbers:
        path = folder / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images(count=1, largest=255)[0]).save(path)


def test_a_folder_with_more_images_is_refused_with_the_difference(train, tmp_path):
    folder, workdir = tmp_path / "images", tmp_path / "run"
    write(folder, range(30))
    train(path=folder, kind="folder")
    before = (workdir / "data.json").read_bytes()
    write(folder, range(30, 60))
    with pytest.raises(ValueError, match="are not those that the run") as raised:
        train(path=folder, kind="folder", steps=2)
    assert "train examples: 24 before, 48 now" in str(raised.value)
    assert (workdir / "data.json").read_bytes() == before
    assert configurables.load_run(workdir)[2] == 1


def test_a_run_from_before_folders_were_classes_goes_on(train, tmp_path):
    folder, data = tmp_path / "images", tmp_path / "run" / "data.json"
    write(folder, range(30))
    train(path=folder, kind="folder")
    held = json.loads(data.read_text())
    assert held.pop("num_classes") == 2
    held.pop("record")
    data.write_text(json.dumps({**held, "num_classes": None}))
    assert configurables.load_run(tmp_path / "run")[2] == 1
    assert train(path=folder, kind="folder", steps=2)["step"] == 2


def test_opening_a_run_says_what_is_different(train, tmp_path, monkeypatch):
    path, workdir = tmp_path / "images.npy", tmp_path / "run"
    np.save(path, images())
    train()
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *given: said.append(text % given))
    configurables.load_run(workdir)
    assert said == []
    np.save(path, images(count=70))
    configurables.load_run(workdir)
    assert "train examples: 33 before" in said[0]
    np.save(path, images(largest=255))
    with pytest.raises(ValueError, match="levels: 17 before, 256 now"):
        configurables.load_run(workdir)


@pytest.mark.slow
def test_a_run_of_an_earlier_version_goes_on_and_is_given_a_record(train, tmp_path):
    np.save(tmp_path / "images.npy", images())
    train()
    data, config = tmp_path / "run" / "data.json", tmp_path / "run" / "config.gin"
    held = json.loads(data.read_text())
    held.pop("record")
    data.write_text(json.dumps(held))
    config.write_text(config.read_text() + "MADE.hidden = (3,)\n")
    assert configurables.load_run(tmp_path / "run")[2] == 1
    assert train(steps=2)["step"] == 2
    assert json.loads(data.read_text())["record"]["splits"]["train"]["examples"] == 33
